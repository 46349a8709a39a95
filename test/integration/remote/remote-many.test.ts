import { expect } from 'chai';
import { ChildOwner } from './child-owner.ts';
import { echo, failed, RemoteWorld } from './remote-world.ts';

/** A quarter of the default limit: what is not bounded grows with each call here as well. */
const many = 2_500;
/** The default limit may cost 800 MB. */
const maxMb = 200;
/** Connections are made slowly on a busy machine. */
const patient = { reachMs: 120_000 };
const mb = 1024 * 1024;

/** How many calls the process holds, and its memory in bytes. */
async function stateOf(world: RemoteWorld, address: string) {
  const caller = await world.open({}, echo, patient);
  const count = { name: 'count', body: '{}' };
  const { body } = await caller.call(address, count, { timeoutMs: 120_000 });
  return JSON.parse(body) as { readonly held: number; readonly rss: number };
}

describe(`${many} calls at once`, function () {
  this.timeout(300_000);

  /** How long the first test took to make its connections; the second one makes as many. */
  let burstMs = 0;

  it('are all answered', async () => {
    await using world = new RemoteWorld();
    using owner = await ChildOwner.open(many);
    const caller = await world.open({ maxCallsInFlight: many }, echo, patient);
    const began = performance.now();
    const call = () =>
      caller.call(owner.address, { name: 'ask', body: '{}' }, { timeoutMs: 120_000 });
    const answers = await Promise.all(Array.from({ length: many }, call));
    expect(new Set(answers.map(({ type }) => type))).to.deep.equal(new Set(['answered']));
    burstMs = performance.now() - began;
  });

  it('end at their deadline when no answer comes; one more is refused; memory is bounded', async () => {
    await using world = new RemoteWorld();
    using owner = await ChildOwner.open(many + 1);
    const before = { here: process.memoryUsage().rss, there: await stateOf(world, owner.address) };
    const caller = await world.open({ maxCallsInFlight: many }, echo, patient);
    const timeoutMs = Math.ceil(5_000 + 2 * burstMs);
    const hold = { name: 'hold', body: '{}' };
    const calls = Array.from({ length: many }, async () => {
      const began = performance.now();
      const error = await failed(caller.call(owner.address, hold, { timeoutMs }));
      return { error, tookMs: performance.now() - began };
    });
    const above = await failed(caller.call(owner.address, hold, { timeoutMs }));
    expect(above.stored).to.equal('no');
    expect(above.message).to.contain(`${many}`).and.to.contain('max-calls-in-flight');
    let there = before.there;
    for (let waitedMs = 0; there.held < many && waitedMs < timeoutMs; waitedMs += 500) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      there = await stateOf(world, owner.address);
    }
    expect(there.held, 'held at once').to.equal(many);
    const grown = {
      here: (process.memoryUsage().rss - before.here) / mb,
      there: (there.rss - before.there.rss) / mb,
    };
    expect(grown.here, 'MB of the caller').to.be.below(maxMb);
    expect(grown.there, 'MB of the owner').to.be.below(maxMb);
    const ends = await Promise.all(calls);
    expect(new Set(ends.map(({ error }) => error.stored))).to.deep.equal(new Set(['unknown']));
    const took = ends.map(({ tookMs }) => tookMs);
    expect(Math.min(...took)).to.be.at.least(timeoutMs - 100);
    expect(Math.max(...took)).to.be.below(timeoutMs + 30_000);
    do there = await stateOf(world, owner.address);
    while (there.held > 0);
  });
});
