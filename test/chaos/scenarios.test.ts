import { expect } from 'chai';
import { joinStack } from '../support/stack/shared-stack.ts';
import type { Stack } from '../support/stack/stack.ts';
import { noDamage } from './ledger.ts';
import type { ScenarioResult } from './scenario.ts';
import { scenarios } from './scenarios.ts';

/** Small enough for every run; `npm run chaos -- --scenario all` is the long form. */
const seed = Date.now() % 1_000_000;
const small = {
  seconds: 4,
  rounds: 1,
  loadMs: 700,
  events: 20_000,
  writes: 1_500,
  // What runs beside this needs the processor, too.
  restMs: 200,
  meetings: 1,
  fleet: {
    instances: [2],
    leftOver: 1,
    entities: 60,
    probes: 12,
    rate: 100,
    sessionMs: 3_000,
    warmUpMs: 0,
    peaceMs: 300,
    startPriority: 0,
    // A machine that runs other tests beside this one stands still at times: this run shows what is
    // right, the long one how fast it is.
    limits: {
      failures: Number.POSITIVE_INFINITY,
      keptMs: 15_000,
      movedMs: 15_000,
      lostMs: 15_000,
      unreachedMs: 15_000,
    },
  },
  wakeUps: {
    timers: 81,
    spreadMs: 3_000,
    leadMs: 2_000,
    headStartMs: 0,
    sessionMs: 3_000,
    farAhead: 2_000,
    p99Ms: Number.POSITIVE_INFINITY,
    readyMs: Number.POSITIVE_INFINITY,
  },
  seed,
};

describe('a chaos scenario', function () {
  this.timeout(180_000);
  let stack: Stack;

  before(async () => {
    stack = await joinStack();
  });

  after(() => stack[Symbol.asyncDispose]());

  const run = async (name: keyof typeof scenarios): Promise<ScenarioResult> => {
    const result = await scenarios[name]({ stack, note: () => {}, ...small });
    expect(result.problems).to.deep.equal([]);
    for (const damage of Object.values(result.damages)) expect(damage).to.deep.equal(noDamage);
    return result;
  };

  it('loses nothing and takes no position back while the group rebalances all the time', async () => {
    const { counts } = await run('rebalance');
    expect(counts['rebalances']).to.be.greaterThan(0);
    expect(counts['acknowledged']).to.be.greaterThan(0);
  });

  it('takes no position back when a replicator wakes whose partitions went to another', async () => {
    await run('zombie');
  });

  it('refuses records that the log lost before they were replicated, and no others', async () => {
    const { counts } = await run('truncation');
    expect(counts['keys refused']).to.be.greaterThan(0);
  });

  it('refuses a topic that was deleted and created again', async () => {
    const { counts } = await run('recreation');
    expect(counts['partitions refused by the replicator']).to.equal(4);
  });

  it(`keeps and never doubles what two instances without routing acknowledge (seed ${seed})`, async () => {
    const { counts } = await run('writers');
    expect(counts['acknowledged']).to.be.at.least(small.writes);
  });

  it(`keeps it also where they share one file (seed ${seed})`, async () => {
    const { counts } = await run('embedded-writers');
    expect(counts['acknowledged']).to.be.at.least(small.writes);
  });

  it(`has one place for each entity of a fleet that shares one file (seed ${seed})`, async () => {
    const { counts } = await run('embedded-fleet');
    expect(counts['acknowledged']).to.be.greaterThan(0);
  });

  it(`fires each timer once, and ends all work, after all processes died (seed ${seed})`, async () => {
    const { counts } = await run('wake-ups');
    expect(counts['timers fired']).to.equal(small.wakeUps.timers);
    expect(counts['work ended']).to.be.greaterThan(0);
  });

  it('counts every event of a backlog in the store', async () => {
    const { counts } = await run('catch-up');
    expect(counts['events']).to.equal(small.events);
  });
});
