import { expect } from 'chai';
import { JournalError, NotOwnerError, RemoteCallError } from '../../../src/model/errors.ts';
import { SeqNr } from '../../../src/model/seq-nr.ts';
import type { Command } from '../../support/fleet/fleet-process.ts';
import { Told } from '../../support/fleet/told.ts';
import { viewOf } from '../../support/fleet/told-membership.ts';

const add = (name: string): Command => ({ type: 'add', name });
const look: Command = { type: 'look' };

function codeOf(error: unknown): string {
  expect(error).to.be.instanceOf(JournalError);
  const { code, stored, retryable } = error as JournalError;
  return `${code}, stored: ${stored}, ${retryable ? 'retryable' : 'not retryable'}`;
}

describe('deletions and purges in a fleet', () => {
  it('are done by the process that has the entity, whichever is asked', async () => {
    const told = new Told();
    const { a, b } = await told.pair();
    await told.ask(b, add('x'));
    await told.ask(b, add('y'));
    expect(await told.outcome(b.process.counters.deleteEvents('e', 1))).to.equal(undefined);
    expect(await told.outcome(b.process.counters.deleteEvents('e', SeqNr.max))).to.equal(undefined);
    expect(await told.outcome(b.process.counters.purge('e'))).to.equal(undefined);
    const { calls } = told.world.network;
    expect(calls.slice(2)).to.deep.equal([
      'delete-events http://b → http://a',
      'delete-events http://b → http://a',
      'purge http://b → http://a',
    ]);
    expect(told.world.log.upkeep).to.deep.equal([
      'a delete e to 1',
      `a delete e to ${SeqNr.max}`,
      'a purge e',
    ]);
    expect(await told.ask(b, add('z')), 'of the new life').to.equal(1);
    expect(await told.outcome(a.process.counters.purge('e'))).to.equal(undefined);
    expect(told.world.log.upkeep.at(-1), 'where it is owned, no call').to.equal('a purge e');
    expect(calls.filter((call) => call.startsWith('purge'))).to.have.length(1);
  });

  it('answer with the error of the process that has the entity', async () => {
    const told = new Told();
    const { b } = await told.pair();
    await told.ask(b, add('x'));
    const { counters } = b.process;
    const missing = await told.outcome(counters.deleteEvents('e', 7));
    expect(codeOf(missing)).to.equal('INVALID_INPUT, stored: no, not retryable');
    expect((missing as Error).message).to.contain('has 1 event');
    const calls = told.world.network.calls.length;
    for (const work of [
      () => counters.deleteEvents('e', 0),
      () => counters.deleteEvents('', 1),
      () => counters.purge('e', { timeout: -1 }),
      () => counters.purge('e', { timeuot: 1 } as never),
      () => counters.ask('e', add('y'), { commandID: 'once' } as never),
    ]) {
      expect(await told.outcome(work())).to.include({ code: 'INVALID_INPUT' });
    }
    const given = new AbortController();
    given.abort('no more');
    expect(await told.outcome(counters.purge('e', { signal: given.signal }))).to.equal('no more');
    expect(told.world.network.calls, 'nothing is sent for them').to.have.length(calls);
  });

  it('follow the entity when its partition moves, as long as nothing was done', async () => {
    const told = new Told();
    const { a, b, members } = await told.pair();
    await told.ask(a, add('x'));
    // a has not heard of it yet: it refuses nothing, but cannot hold the journal any more.
    told.world.log.refusal = new NotOwnerError('the partition has gone');
    const purged = b.process.counters.purge('e');
    expect(await told.outcome(purged, 300)).to.equal('nothing yet');
    expect(told.world.log.upkeep).to.deep.equal([]);
    told.world.log.refusal = undefined;
    expect(await told.outcome(purged)).to.equal(undefined);
    expect(told.world.log.upkeep).to.deep.equal(['a purge e']);
    for (const { member } of [a, b]) {
      member.tell(viewOf(2, b.member, { members, former: a.member }));
    }
    expect(await told.outcome(a.process.counters.purge('e'), 500)).to.equal(undefined);
    expect(told.world.log.upkeep.at(-1)).to.equal('b purge e');
    expect(await told.ask(a, look)).to.equal(0);
  });

  it('are never sent twice when the answer is missing: the entity may have a new life', async () => {
    const told = new Told();
    const { b } = await told.pair();
    await told.ask(b, add('x'));
    const { network, log } = told.world;
    network.rates.answer = 1;
    const late = await told.outcome(b.process.counters.purge('e', { timeout: 500 }), 600);
    expect(codeOf(late)).to.equal('DEADLINE_EXCEEDED, stored: unknown, not retryable');
    expect((late as Error).message).to.contain('the purge from http://a within 500 ms; it may be');
    expect(codeOf((late as Error).cause)).to.contain('REMOTE_CALL_FAILED, stored: unknown');
    network.failure = new RemoteCallError('reset', { stored: 'unknown' });
    expect(await told.outcome(b.process.counters.deleteEvents('e', 1))).to.equal(network.failure);
    await told.time.pass(60_000);
    expect(network.calls.filter((call) => call.startsWith('purge'))).to.have.length(1);
    expect(log.upkeep).to.deep.equal(['a purge e']);
  });

  it('of which a process in an older version knows nothing end with the time: nothing is done', async () => {
    const told = new Told();
    const { a, b } = await told.pair();
    await told.ask(b, add('x'));
    const { network, log } = told.world;
    // As a version from before answers.
    const { fleet } = a.process;
    fleet.handle = async ({ name, body }, signal) =>
      await Object.getPrototypeOf(fleet).handle.call(
        fleet,
        { name: `${name}-later`, body },
        signal,
      );
    const asked = told.outcome(b.process.counters.purge('e', { timeout: 900 }), 1000);
    const late = await asked;
    expect(codeOf(late)).to.equal('DEADLINE_EXCEEDED, stored: no, retryable');
    expect((late as Error).message).to.contain('nothing is or will be purged');
    expect(((late as Error).cause as Error).message).to.contain('knows no call "purge-later"');
    expect(network.calls.length).to.be.above(2);
    expect(log.upkeep).to.deep.equal([]);
  });

  it('that are under way when the process ends are not said to be not done', async () => {
    const told = new Told();
    const { a, b } = await told.pair();
    await told.ask(b, add('x'));
    told.world.log.longestDelayMs = 4_000; // a purge takes a while
    const purged = told.outcome(b.process.counters.purge('e'), 3_000);
    await told.time.pass(100);
    const leaving = a.process.fleet.leave();
    await told.time.pass(2_100);
    await leaving;
    await a.process.host.shutdown();
    const error = await purged;
    expect(codeOf(error)).to.equal('WRITE_FAILED, stored: unknown, not retryable');
    expect((error as Error).message).to.contain('the shutdown came first');
    await told.time.pass(10_000);
    const calls = told.world.network.calls.filter((call) => call.startsWith('purge'));
    expect(calls).to.have.length(1);
  });
});
