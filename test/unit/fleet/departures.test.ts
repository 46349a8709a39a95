import { expect } from 'chai';
import { Departures } from '../../../src/fleet/departures.ts';
import type { FleetView } from '../../../src/ports/fleet-membership.ts';
import { unlessAborted } from '../../../src/runtime/waiting.ts';
import { ManualClock, settle } from '../actor/support.ts';

const a = { id: 'a', address: 'http://a:1' };
const b = { id: 'b', address: 'http://b:1' };

describe('departures of other processes', () => {
  const closing = new AbortController();
  let clock: ManualClock;
  let membership: { view: FleetView | undefined };
  let departures: Departures;
  beforeEach(() => {
    clock = new ManualClock();
    membership = { view: { generation: 5, members: [a, b], topics: new Map() } };
    const deps = {
      nowMs: () => clock.nowMs(),
      steadyMs: () => clock.steadyMs(),
      sleep: (ms: number, options?: { signal?: AbortSignal | undefined }) =>
        unlessAborted(clock.sleep(ms), options?.signal),
    };
    departures = new Departures({ membership, clock: deps, closing: closing.signal });
  });

  async function sees(generation: number, ...members: (typeof a)[]): Promise<void> {
    membership.view = { generation, members, topics: new Map() };
    departures.look();
    await pass(2_000);
  }

  async function pass(ms: number): Promise<void> {
    await settle();
    await clock.pass(ms);
    await settle();
  }

  it('are said to whoever waits, and to nobody else', async () => {
    const [ofA, ofB] = [departures.of(a, 5), departures.of(b, 5)];
    expect(departures.of(a, 5), 'one for all calls').to.equal(ofA);
    await sees(5, a, b);
    expect(ofA.aborted).to.equal(false);
    await sees(6, b);
    expect([ofA.aborted, ofB.aborted]).to.deep.equal([true, false]);
    expect(departures.of(a, 7).aborted, 'it may join again').to.equal(false);
  });

  it('are not concluded from a view that is older than the one that has the process', async () => {
    const ofA = departures.of(a, 8);
    await sees(7, b);
    expect(ofA.aborted).to.equal(false);
    departures.of(a, 6);
    await sees(7, b);
    expect(ofA.aborted, 'another caller has an older view').to.equal(false);
    await sees(8, b);
    expect(ofA.aborted).to.equal(true);
  });

  it('are not concluded by a process that has no view itself', async () => {
    const ofA = departures.of(a, 5);
    membership.view = undefined;
    departures.look();
    await pass(2_000);
    expect(ofA.aborted).to.equal(false);
  });
});
