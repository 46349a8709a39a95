import { expect } from 'chai';
import { createActor, waitFor } from 'xstate';
import { isReady } from '../../../src/actor/persistence-info.ts';
import { WriteFailedError, WriteRejectedError } from '../../../src/model/errors.ts';
import type { CounterCommand, CounterEvent } from './counter.ts';
import { counterMachine, decideCounter, eventTypes } from './counter.ts';
import type { TestHostOptions } from './support.ts';
import { eventually, failureOf, settle, testHost } from './support.ts';

function open(options: TestHostOptions = {}, ran: string[] = []) {
  const test = testHost(options);
  const machine = counterMachine(ran);
  const logic = test.host.persistent(machine, { persistenceId: ({ input }) => `c|${input.id}` });
  const start = (id = '1') => {
    const actor = createActor(logic, { input: { id } });
    actor.subscribe({ error: () => {} });
    return actor.start();
  };
  return { ...test, machine, logic, start };
}

function openDeciding(options: TestHostOptions = {}, ran: string[] = []) {
  const test = testHost(options);
  const logic = test.host.persistent(counterMachine(ran)).with<CounterCommand>({
    persistenceId: 'c|1',
    decide: decideCounter,
  });
  const actor = createActor(logic, { input: { id: '1' } });
  actor.subscribe({ error: () => {} });
  return { ...test, actor: actor.start() };
}

describe('a persistent actor', () => {
  it('shows nothing of a command and runs no action before its event is stored (A1)', async () => {
    const ran: string[] = [];
    const { host, journal, start } = open({}, ran);
    const actor = start();
    await waitFor(actor, isReady);
    const write = journal.blockNextWrite();
    const answer = host.ask(actor, { type: 'added', n: 2 });
    await write.reached;
    expect(actor.getSnapshot().context.count).to.equal(0);
    expect(actor.getSnapshot().persistence.phase).to.equal('persisting');
    expect(ran).to.deep.equal([]);
    write.open();
    const { snapshot, sequenceNr, events } = await answer;
    expect(snapshot.context.count).to.equal(2);
    expect(sequenceNr).to.equal(2); // after the init record
    expect(events).to.deep.equal([{ type: 'added', n: 2 }]);
    expect(ran).to.deep.equal(['added at 2']);
    await host.shutdown();
  });

  it('runs each action once, over write, crash and recovery (A2)', async () => {
    const ran: string[] = [];
    const { host, journal, start } = open({}, ran);
    await host.ask(start(), { type: 'added', n: 2 });
    const after = open({ journal }, ran);
    const actor = after.start();
    await after.host.ask(actor, { type: 'added', n: 3 });
    expect(actor.getSnapshot().context.count).to.equal(5);
    expect(ran).to.deep.equal(['added at 2', 'added at 5']);
    await Promise.all([host.shutdown(), after.host.shutdown()]);
  });

  it('stores the events of one decision as one atomic write (A3)', async () => {
    const { host, journal, actor } = openDeciding();
    const { sequenceNr, events } = await host.ask(actor, { type: 'add', ns: [1, 2, 3] });
    expect(sequenceNr).to.equal(4);
    expect(events).to.have.length(3);
    expect(journal.writes).to.have.length(1);
    expect(journal.writes[0]?.[0]?.events.map((repr) => repr.seqNr)).to.deep.equal([1, 2, 3, 4]);
    await host.shutdown();
  });

  it('applies none of the events of a decision when its write is rejected (A3)', async () => {
    const { host, journal, actor } = openDeciding();
    await host.ask(actor, { type: 'look' });
    journal.rejectNextWrite(new WriteRejectedError('too big'));
    const error = await failureOf(host.ask(actor, { type: 'add', ns: [1, 2] }));
    expect(error.code).to.equal('WRITE_REJECTED');
    expect(actor.getSnapshot().context.count).to.equal(0);
    await host.shutdown();
  });

  it('keeps the order of commands through recovery and stash (A4, A5)', async () => {
    const { host, journal, actor } = openDeciding();
    const replies = await Promise.all(
      [1, 2, 3, 4].flatMap((n) => [
        host.ask(actor, { type: 'add', ns: [n] }),
        host.ask(actor, { type: 'look' }),
      ]),
    );
    expect(replies.map(({ reply }) => reply)).to.deep.equal(
      [1, 3, 6, 10].flatMap((sum) => [undefined, sum]),
    );
    expect(journal.payloads('c|1').slice(1)).to.deep.equal(
      [1, 2, 3, 4].map((n) => ({ type: 'added', n })),
    );
    await host.shutdown();
  });

  it('takes commands that arrive during recovery once it has recovered (A5)', async () => {
    const { host, journal, start } = open();
    const replay = journal.blockReplay();
    const actor = start();
    const answer = host.ask(actor, { type: 'added', n: 1 });
    await replay.reached;
    expect(actor.getSnapshot().persistence).to.include({ phase: 'replaying', stashed: 1 });
    replay.open();
    expect((await answer).snapshot.context.count).to.equal(1);
    await host.shutdown();
  });

  it('goes on with state and numbering as they were after a rejection (A6)', async () => {
    const { host, journal, start } = open();
    const actor = start();
    await host.ask(actor, { type: 'added', n: 1 });
    journal.failNextWrite(new WriteRejectedError('not JSON', { path: '$.n' }));
    const error = await failureOf(host.ask(actor, { type: 'added', n: Number.NaN }));
    expect(error).to.include({ code: 'WRITE_REJECTED', path: '$.n' });
    const { sequenceNr, snapshot } = await host.ask(actor, { type: 'added', n: 2 });
    expect(sequenceNr).to.equal(3);
    expect(snapshot.context.count).to.equal(3);
    expect(actor.getSnapshot().status).to.equal('active');
    await host.shutdown();
  });

  it('refuses only the command at fault when a grouped write is rejected', async () => {
    const { host, journal, start } = open();
    const actor = start();
    await waitFor(actor, isReady);
    const first = journal.blockNextWrite();
    const one = host.ask(actor, { type: 'added', n: 1 });
    await first.reached;
    journal.failNextWrite(new WriteRejectedError('one of these'));
    const rest = [10, 100, 1000].map((n) => host.ask(actor, { type: 'added', n }));
    journal.rejectNextWrite(new WriteRejectedError('this one'));
    first.open();
    await one;
    const settled = await Promise.allSettled(rest);
    expect(settled.map(({ status }) => status)).to.deep.equal([
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
    expect(actor.getSnapshot().context.count).to.equal(1101);
    expect(journal.stored('c|1').map(({ seqNr }) => seqNr)).to.deep.equal([1, 2, 3, 4]);
    await host.shutdown();
  });

  it('recovers when the journal refuses a write and stores a later one', async () => {
    const { host, journal, start } = open();
    const actor = start();
    await host.ask(actor, { type: 'added', n: 1 });
    const first = journal.blockNextWrite();
    const one = host.ask(actor, { type: 'added', n: 2 });
    await first.reached;
    const rest = [3, 4].map((n) => host.ask(actor, { type: 'added', n }));
    const gap = new WriteRejectedError('a gap');
    journal.answerNextWrite([{ type: 'rejected', cause: gap }, { type: 'stored' }]);
    first.open();
    await one;
    for (const { status, reason } of (await Promise.allSettled(rest)) as PromiseRejectedResult[]) {
      expect(status).to.equal('rejected');
      expect(reason.code).to.equal('WRITE_FAILED');
    }
    expect(actor.getSnapshot().status).to.equal('error');
    await host.shutdown();
  });

  it('stops on a rejection that is no fault of the event, unless told to continue', async () => {
    for (const onRejected of ['stop', 'continue'] as const) {
      const { host, journal, start } = open({ settings: { onRejected } });
      const actor = start();
      await host.ask(actor, { type: 'added', n: 1 });
      journal.rejectNextWrite(new Error('journal is full'));
      const error = await failureOf(host.ask(actor, { type: 'added', n: 2 }));
      expect(error.code).to.equal('WRITE_REJECTED');
      expect(actor.getSnapshot().status).to.equal(onRejected === 'stop' ? 'error' : 'active');
      await host.shutdown();
    }
  });

  it('ends in error after a failed write, and tells the asker that nobody knows (A7)', async () => {
    const { host, journal, start } = open();
    const actor = start();
    await waitFor(actor, isReady);
    const write = journal.blockAndFailNextWrite(new WriteFailedError('no answer'));
    const asked = host.ask(actor, { type: 'added', n: 1 });
    const waiting = host.ask(actor, { type: 'added', n: 2 });
    write.open();
    expect((await failureOf(asked)).code).to.equal('WRITE_FAILED');
    expect((await failureOf(waiting)).code).to.equal('ENTITY_STOPPED');
    expect(actor.getSnapshot().status).to.equal('error');
    expect((actor.getSnapshot().error as Error).message).to.equal('no answer');
    await host.shutdown();
  });

  it('starts over after a failed write with its stash kept when it has a backoff (A8)', async () => {
    const { host, journal, machine } = open();
    const logic = host.persistent(machine, {
      persistenceId: 'c|1',
      onPersistFailure: { minBackoff: 1, maxBackoff: '5ms' },
    });
    const actor = createActor(logic, { input: { id: '1' } }).start();
    await host.ask(actor, { type: 'added', n: 1 });
    const write = journal.blockAndFailNextWrite(new Error('socket closed'));
    const lost = host.ask(actor, { type: 'added', n: 10 });
    await write.reached;
    const kept = host.ask(actor, { type: 'added', n: 100 });
    write.open();
    expect((await failureOf(lost)).code).to.equal('WRITE_FAILED');
    const { snapshot, sequenceNr } = await kept;
    expect(snapshot.context.count).to.equal(101);
    expect(sequenceNr).to.equal(3);
    await host.shutdown();
  });

  it('learns in its recovery that a failed write was stored after all', async () => {
    const { host, journal, machine } = open();
    const logic = host.persistent(machine, {
      persistenceId: 'c|1',
      onPersistFailure: { minBackoff: 1, maxBackoff: 1 },
    });
    const actor = createActor(logic, { input: { id: '1' } }).start();
    await host.ask(actor, { type: 'added', n: 1 });
    journal.failNextWrite(new WriteFailedError('no answer'), { stored: true });
    await failureOf(host.ask(actor, { type: 'added', n: 10 }));
    const { snapshot } = await host.ask(actor, { type: 'added', n: 100 });
    expect(snapshot.context.count).to.equal(111);
    await host.shutdown();
  });

  it('gives up after maxRestarts failures in a row', async () => {
    const { host, journal, machine } = open();
    const logic = host.persistent(machine, {
      persistenceId: 'c|1',
      onPersistFailure: { minBackoff: 1, maxBackoff: 1, maxRestarts: 2 },
    });
    const actor = createActor(logic, { input: { id: '1' } });
    actor.subscribe({ error: () => {} });
    actor.start();
    for (const text of ['1st', '2nd', '3rd']) {
      journal.failNextWrite(new WriteFailedError(text));
      await failureOf(host.ask(actor, { type: 'added', n: 1 }));
    }
    await eventually(() => actor.getSnapshot().status === 'error');
    expect((actor.getSnapshot().error as Error).message).to.equal('3rd');
    await host.shutdown();
  });

  it('rejects only the command whose dry run throws (A9)', async () => {
    const { host, journal, start } = open();
    const actor = start();
    const error = await failureOf(host.ask(actor, { type: 'broken' }));
    expect(error.code).to.equal('COMMAND_REJECTED');
    expect((error.cause as Error).message).to.equal('cannot compute');
    expect((await host.ask(actor, { type: 'added', n: 1 })).snapshot.context.count).to.equal(1);
    expect(eventTypes(journal.payloads('c|1'))).to.deep.equal(['xstate.init', 'added']);
    await host.shutdown();
  });

  it('tells the asker what decide refused, and what it threw', async () => {
    const { host, journal, actor } = openDeciding();
    const forbidden = await failureOf(host.ask(actor, { type: 'forbid' }));
    expect(forbidden).to.include({ code: 'COMMAND_REJECTED', message: 'not today' });
    const broken = await failureOf(host.ask(actor, { type: 'fail' }));
    expect((broken.cause as Error).message).to.equal('decide is broken');
    expect(journal.writes).to.have.length(0);
    await host.shutdown();
  });

  it('tells the asker that nothing handles the command, by the machine and by decide (A10)', async () => {
    const { host, journal, start } = open();
    const error = await failureOf(host.ask(start(), { type: 'opened' }));
    expect(error.code).to.equal('COMMAND_UNHANDLED');
    expect(error.message).to.contain('"opened"').and.to.contain('open');
    expect(journal.writes).to.have.length(0);
    const deciding = openDeciding();
    const refused = await failureOf(deciding.host.ask(deciding.actor, { type: 'unknown' }));
    expect(refused.code).to.equal('COMMAND_UNHANDLED');
    await Promise.all([host.shutdown(), deciding.host.shutdown()]);
  });

  it('ends on an unhandled command when told to (A10)', async () => {
    const { host, start } = open({ settings: { unhandledCommand: 'fail' } });
    const actor = start();
    await waitFor(actor, isReady);
    actor.send({ type: 'opened' });
    expect(actor.getSnapshot().status).to.equal('error');
    await host.shutdown();
  });

  it('applies a transient event without storing it, and refuses one that changes something (A11)', async () => {
    const ran: string[] = [];
    const { host, journal } = testHost();
    const logic = host.persistent(counterMachine(ran), {
      persistenceId: 'c|1',
      transient: ({ event }) => event.type === 'poked' || event.type === 'added',
    });
    const actor = createActor(logic, { input: { id: '1' } }).start();
    const { events, sequenceNr } = await host.ask(actor, { type: 'poked' });
    expect(events).to.deep.equal([]);
    expect(sequenceNr).to.equal(0);
    expect(ran).to.deep.equal(['poked at 0']);
    const error = await failureOf(host.ask(actor, { type: 'added', n: 1 }));
    expect(error.code).to.equal('INVALID_INPUT');
    expect(journal.writes).to.have.length(0);
    await host.shutdown();
  });

  it('drops what its stash has no room for, and tells the asker (A12)', async () => {
    const { host, journal, start } = open({ settings: { stashCapacity: 2 } });
    const write = journal.blockReplay();
    const [full, other] = [start('1'), start('2')];
    const answers = [1, 2].map((n) => host.ask(full, { type: 'added', n }));
    const error = await failureOf(host.ask(full, { type: 'added', n: 3 }));
    expect(error).to.include({ code: 'STASH_OVERFLOW', retryable: true });
    const elsewhere = host.ask(other, { type: 'added', n: 1 });
    write.open();
    await Promise.all([...answers, elsewhere]);
    expect(full.getSnapshot().context.count).to.equal(3);
    await host.shutdown();
  });

  it('fails the entity whose stash overflows when told to (A12)', async () => {
    const { host, journal, start } = open({
      settings: { stashCapacity: 1, stashOverflow: 'fail' },
    });
    journal.blockReplay();
    const actor = start();
    const waiting = host.ask(actor, { type: 'added', n: 1 });
    const error = await failureOf(host.ask(actor, { type: 'added', n: 2 }));
    expect(error.code).to.equal('STASH_OVERFLOW');
    expect((await failureOf(waiting)).code).to.equal('ENTITY_STOPPED');
    expect(actor.getSnapshot().status).to.equal('error');
    await host.shutdown();
  });

  it('answers 10,000 stashed questions without a deep call stack (A13)', async () => {
    const { host, journal, actor } = openDeciding({ settings: { stashCapacity: 10_000 } });
    const replay = journal.blockReplay();
    const answers = Array.from({ length: 10_000 }, () => host.ask(actor, { type: 'look' }));
    replay.open();
    const replies = await Promise.all(answers);
    expect(replies.every(({ reply }) => reply === 0)).to.equal(true);
    expect(journal.writes).to.have.length(0);
    await host.shutdown();
  });

  it('waits, when it is stopped, for its write and refuses what comes later (A14)', async () => {
    const { host, journal, start } = open();
    const actor = start();
    await waitFor(actor, isReady);
    const write = journal.blockNextWrite();
    const before = host.ask(actor, { type: 'added', n: 1 });
    await write.reached;
    let stopped = false;
    const stop = host.stop(actor).then(() => {
      stopped = true;
    });
    const after = failureOf(host.ask(actor, { type: 'added', n: 2 }));
    await settle();
    expect(stopped).to.equal(false);
    write.open();
    await stop;
    expect((await before).snapshot.context.count).to.equal(1);
    expect((await after).code).to.equal('ENTITY_STOPPED');
    expect(actor.getSnapshot().status).to.equal('stopped');
    const later = await failureOf(host.ask(actor, { type: 'added', n: 3 }));
    expect(later.code).to.equal('ENTITY_STOPPED');
    await host.shutdown();
  });

  it('ends open questions when xstate stops it in the middle of a write', async () => {
    const { host, journal, start } = open();
    const actor = start();
    await waitFor(actor, isReady);
    const write = journal.blockNextWrite();
    const asked = host.ask(actor, { type: 'added', n: 1 });
    await write.reached;
    actor.stop();
    const error = await failureOf(asked);
    expect(error.code).to.equal('ENTITY_STOPPED');
    expect(error.message).to.contain('while its command was being written');
    write.open();
    await host.shutdown();
  });

  it('lets the successor of a stopped actor wait for the write that was under way', async () => {
    const { host, journal, start } = open();
    const actor = start();
    await waitFor(actor, isReady);
    const write = journal.blockNextWrite();
    host.ask(actor, { type: 'added', n: 1 }).catch(() => {});
    await write.reached;
    actor.stop();
    const successor = start();
    await settle();
    expect(successor.getSnapshot().persistence.phase).to.equal('replaying');
    write.open();
    await host.whenRecovered(successor);
    expect(successor.getSnapshot().context.count).to.equal(1);
    await host.shutdown();
  });

  it('answers a question that nobody answers in time with a timeout', async () => {
    const { host, journal, start } = open();
    const replay = journal.blockReplay();
    const actor = start();
    const error = await failureOf(host.ask(actor, { type: 'added', n: 1 }, { timeout: 5 }));
    expect(error).to.include({ code: 'ASK_TIMEOUT' });
    replay.open();
    await eventually(() => actor.getSnapshot().context.count === 1);
    await host.shutdown();
  });

  it('refuses a second live actor with the same id, and takes it once the first has ended (A37)', async () => {
    const { host, start } = open();
    const first = start();
    const second = start();
    expect(second.getSnapshot().status).to.equal('error');
    expect(second.getSnapshot().error).to.include({ code: 'DUPLICATE_ENTITY' });
    expect((await host.ask(first, { type: 'added', n: 1 })).snapshot.context.count).to.equal(1);
    await host.stop(first);
    const third = start();
    await host.whenRecovered(third);
    expect(third.getSnapshot().context.count).to.equal(1);
    await host.shutdown();
  });

  it('refuses a blank persistence id', () => {
    const { host } = testHost();
    const logic = host.persistent(counterMachine(), { persistenceId: ' ' });
    const actor = createActor(logic, { input: { id: '1' } });
    expect(actor.getSnapshot().error).to.include({ code: 'INVALID_INPUT' });
  });

  it('stores tags beside the event, computed from the state after it', async () => {
    const { host, journal } = testHost();
    const logic = host.persistent(counterMachine(), {
      persistenceId: 'c|1',
      tagger: (event, after) => [event.type, `count-${after.context.count}`, event.type],
    });
    const actor = createActor(logic, { input: { id: '1' } }).start();
    await host.ask(actor, { type: 'added', n: 7 });
    expect(journal.stored('c|1').map(({ tags }) => tags)).to.deep.equal([[], ['added', 'count-7']]);
    await host.shutdown();
  });

  it('signals what happened to its journal', async () => {
    const signals: string[] = [];
    const { host, journal } = testHost();
    const logic = host.persistent(counterMachine(), {
      persistenceId: 'c|1',
      onPersistFailure: { minBackoff: 1, maxBackoff: 1 },
      onSignal: ({ type }) => signals.push(type),
    });
    const actor = createActor(logic, { input: { id: '1' } }).start();
    await host.whenRecovered(actor);
    journal.failNextWrite(new WriteRejectedError('no'));
    await failureOf(host.ask(actor, { type: 'added', n: 1 }));
    journal.failNextWrite(new WriteFailedError('unknown'));
    await failureOf(host.ask(actor, { type: 'added', n: 1 }));
    await host.ask(actor, { type: 'added', n: 1 });
    expect(signals).to.deep.equal([
      'recovery-completed',
      'persist-rejected',
      'persist-failed',
      'recovery-completed',
    ]);
    await host.shutdown();
  });

  it('tries a command that decide stashed again after the next event', async () => {
    const { host } = testHost();
    const logic = host.persistent(counterMachine()).with<CounterEvent>({
      persistenceId: 'c|1',
      decide: ({ snapshot, command }) =>
        command.type === 'closed' && snapshot.context.count < 3
          ? { type: 'stash' }
          : { type: 'persist', events: [command] },
    });
    const actor = createActor(logic, { input: { id: '1' } }).start();
    const closed = host.ask(actor, { type: 'closed' });
    await host.ask(actor, { type: 'added', n: 1 });
    expect(actor.getSnapshot().value).to.equal('open');
    await host.ask(actor, { type: 'added', n: 2 });
    expect((await closed).snapshot.value).to.equal('shut');
    await host.shutdown();
  });

  it('runs thenRun once, after the command is stored', async () => {
    const counts: number[] = [];
    const { host } = testHost();
    const logic = host.persistent(counterMachine()).with<{ type: 'go' }>({
      persistenceId: 'c|1',
      decide: () => ({
        type: 'persist',
        events: [
          { type: 'added', n: 1 },
          { type: 'added', n: 1 },
        ],
        thenRun: (snapshot) => counts.push(snapshot.context.count),
      }),
    });
    const actor = createActor(logic, { input: { id: '1' } }).start();
    await host.ask(actor, { type: 'go' });
    expect(counts).to.deep.equal([2]);
    await host.shutdown();
  });
});
