import { expect } from 'chai';
import { waitFor } from 'xstate';
import { isReady } from '../../../src/actor/entity/persistence-info.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { openCounter } from './open-counter.ts';
import { failureOf, settle } from './support.ts';

const add = { type: 'added', n: 1 } as const;
const anHour = 3_600_000;

/** The clock of a machine whose time of day is set while it runs. */
function settableClock() {
  let aheadMs = 0;
  return {
    ...systemClock,
    nowMs: () => systemClock.nowMs() + aheadMs,
    set: (ms: number) => {
      aheadMs += ms;
    },
  };
}

describe('time limits while the time of day is set', () => {
  it('an ask ends after its time when the clock was set back', async () => {
    const clock = settableClock();
    const { host, journal, start } = openCounter({ clock });
    const actor = start();
    await waitFor(actor, isReady);
    const write = journal.blockNextWrite();
    const late = failureOf(host.ask(actor, add, { timeout: 100 }));
    clock.set(-anHour);
    expect(await late).to.include({ code: 'ASK_TIMEOUT', stored: 'unknown' });
    write.open();
  });

  it('an ask keeps its time when the clock was set forward', async () => {
    const settable = settableClock();
    let looks = 0;
    const looked = Promise.withResolvers<void>();
    const sleep = async (): Promise<void> => {
      await systemClock.sleep(1);
      if (++looks === 3) looked.resolve();
    };
    const { host, journal, start } = openCounter({ clock: { ...settable, sleep } });
    const actor = start();
    await waitFor(actor, isReady);
    const write = journal.blockNextWrite();
    const asked = host.ask(actor, add, { timeout: anHour });
    settable.set(2 * anHour);
    await looked.promise;
    write.open();
    expect((await asked).snapshot.context.count).to.equal(1);
  });

  it('a recovery is given up after its time when the clock was set back', async () => {
    const clock = settableClock();
    const { host, journal, start } = openCounter({
      clock,
      settings: { recoveryEventTimeoutMs: 100 },
    });
    journal.blockReplay();
    const recovered = failureOf(host.whenRecovered(start()));
    await settle();
    clock.set(-anHour);
    expect((await recovered).cause).to.include({ code: 'DEADLINE_EXCEEDED' });
  });
});
