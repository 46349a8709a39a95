import { expect } from 'chai';
import { Looks } from '../../../../src/journal/read/attempt.ts';
import { StoreUnavailableError } from '../../../../src/model/errors.ts';
import { Key } from '../../../../src/model/key.ts';
import type { Clock } from '../../../../src/runtime/clock.ts';
import { eventRecord } from '../../../contract/replicated-store.ts';
import { CountingWorld } from '../counting-world.ts';

const clock: Clock = { nowMs: () => 0, steadyMs: () => 0, sleep: async () => {} };
const { signal } = new AbortController();

describe('A read whose time is over', () => {
  let looks: Looks;
  beforeEach(async () => {
    await using world = await CountingWorld.open();
    const { settings } = world.parts();
    const deps = { clock, settings: { ...settings, readTimeoutMs: 0 } };
    looks = new Looks(deps, Key.of(world.topic, 'id'));
  });

  const first = [eventRecord(10, 4)];
  const failure = (): Promise<unknown> => looks.again(signal).catch((error: unknown) => error);

  it('sees the same beginning three times, also where something else came between', async () => {
    await looks.again(signal);
    expect(looks.beginsAgain(first)).to.equal(false);
    await looks.again(signal);
    await looks.again(signal);
    expect(looks.beginsAgain(first)).to.equal(false);
    await looks.again(signal);
    expect(looks.beginsAgain(first)).to.equal(true);
    expect(await failure()).to.be.instanceOf(StoreUnavailableError);
  });

  it('ends where each look shows something else', async () => {
    await looks.again(signal);
    for (const offset of [4, 5]) {
      looks.beginsAgain([eventRecord(10, offset)]);
      await looks.again(signal);
    }
    looks.beginsAgain([eventRecord(10, 6)]);
    expect(await failure()).to.be.instanceOf(StoreUnavailableError);
  });
});
