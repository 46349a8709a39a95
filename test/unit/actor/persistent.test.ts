import { expect } from 'chai';
import { createActor, waitFor } from 'xstate';
import { isReady } from '../../../src/actor/entity/persistence-info.ts';
import type { CounterEvent } from './counter.ts';
import { counterMachine, eventTypes } from './counter.ts';
import { openCounter, openDecidingCounter } from './open-counter.ts';
import { failureOf, settle, testHost } from './support.ts';

describe('a persistent actor', () => {
  it('shows nothing of a command and runs no action before its event is stored', async () => {
    const ran: string[] = [];
    const { host, journal, start } = openCounter({}, ran);
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

  it('runs each action once, over write, crash and recovery', async () => {
    const ran: string[] = [];
    const { host, journal, start } = openCounter({}, ran);
    await host.ask(start(), { type: 'added', n: 2 });
    const after = openCounter({ journal }, ran);
    const actor = after.start();
    await after.host.ask(actor, { type: 'added', n: 3 });
    expect(actor.getSnapshot().context.count).to.equal(5);
    expect(ran).to.deep.equal(['added at 2', 'added at 5']);
    await Promise.all([host.shutdown(), after.host.shutdown()]);
  });

  it('stores the events of one decision as one atomic write', async () => {
    const { host, journal, actor } = openDecidingCounter();
    const { sequenceNr, events } = await host.ask(actor, { type: 'add', ns: [1, 2, 3] });
    expect(sequenceNr).to.equal(4);
    expect(events).to.have.length(3);
    expect(journal.writes).to.have.length(1);
    expect(journal.writes[0]?.[0]?.events.map((repr) => repr.seqNr)).to.deep.equal([1, 2, 3, 4]);
    await host.shutdown();
  });

  it('keeps the order of commands through recovery and stash', async () => {
    const { host, journal, actor } = openDecidingCounter();
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

  it('takes commands that arrive during recovery once it has recovered', async () => {
    const { host, journal, start } = openCounter();
    const replay = journal.blockReplay();
    const actor = start();
    const answer = host.ask(actor, { type: 'added', n: 1 });
    await replay.reached;
    expect(actor.getSnapshot().persistence).to.include({ phase: 'replaying', stashed: 1 });
    replay.open();
    expect((await answer).snapshot.context.count).to.equal(1);
    await host.shutdown();
  });

  it('rejects only the command whose dry run throws', async () => {
    const { host, journal, start } = openCounter();
    const actor = start();
    const error = await failureOf(host.ask(actor, { type: 'broken' }));
    expect(error.code).to.equal('COMMAND_REJECTED');
    expect((error.cause as Error).message).to.equal('cannot compute');
    expect((await host.ask(actor, { type: 'added', n: 1 })).snapshot.context.count).to.equal(1);
    expect(eventTypes(journal.payloads('c|1'))).to.deep.equal(['xstate.init', 'added']);
    await host.shutdown();
  });

  it('tells the asker what decide refused, and what it threw', async () => {
    const { host, journal, actor } = openDecidingCounter();
    const forbidden = await failureOf(host.ask(actor, { type: 'forbid' }));
    expect(forbidden).to.include({ code: 'COMMAND_REJECTED', message: 'not today' });
    const broken = await failureOf(host.ask(actor, { type: 'fail' }));
    expect((broken.cause as Error).message).to.equal('decide is broken');
    expect(journal.writes).to.have.length(0);
    await host.shutdown();
  });

  it('tells the asker that nothing handles the command, by the machine and by decide', async () => {
    const { host, journal, start } = openCounter();
    const error = await failureOf(host.ask(start(), { type: 'opened' }));
    expect(error.code).to.equal('COMMAND_UNHANDLED');
    expect(error.message).to.contain('"opened"').and.to.contain('open');
    expect(journal.writes).to.have.length(0);
    const deciding = openDecidingCounter();
    const refused = await failureOf(deciding.host.ask(deciding.actor, { type: 'unknown' }));
    expect(refused.code).to.equal('COMMAND_UNHANDLED');
    await Promise.all([host.shutdown(), deciding.host.shutdown()]);
  });

  it('ends on an unhandled command when told to', async () => {
    const { host, start } = openCounter({ settings: { unhandledCommand: 'fail' } });
    const actor = start();
    await waitFor(actor, isReady);
    actor.send({ type: 'opened' });
    expect(actor.getSnapshot().status).to.equal('error');
    await host.shutdown();
  });

  it('applies a transient event without storing it, and refuses one that changes something', async () => {
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

  it('drops what its stash has no room for, and tells the asker', async () => {
    const { host, journal, start } = openCounter({ settings: { stashCapacity: 2 } });
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

  it('fails the entity whose stash overflows when told to', async () => {
    const { host, journal, start } = openCounter({
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

  it('answers 10,000 stashed questions without a deep call stack', async () => {
    const { host, journal, actor } = openDecidingCounter({ settings: { stashCapacity: 10_000 } });
    const replay = journal.blockReplay();
    const answers = Array.from({ length: 10_000 }, () => host.ask(actor, { type: 'look' }));
    replay.open();
    const replies = await Promise.all(answers);
    expect(replies.every(({ reply }) => reply === 0)).to.equal(true);
    expect(journal.writes).to.have.length(0);
    await host.shutdown();
  });

  it('waits, when it is stopped, for its write and refuses what comes later', async () => {
    const { host, journal, start } = openCounter();
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

  it('answers a question that nobody answers in time with a timeout', async () => {
    const { host, journal, start } = openCounter();
    const replay = journal.blockReplay();
    const actor = start();
    const error = await failureOf(host.ask(actor, { type: 'added', n: 1 }, { timeout: 5 }));
    expect(error).to.include({ code: 'ASK_TIMEOUT', stored: 'no', retryable: true });
    replay.open();
    await host.ask(actor, { type: 'added', n: 10 });
    expect(actor.getSnapshot().context.count).to.equal(10); // what timed out did not run
    await host.shutdown();
  });

  it('refuses a second live actor with the same id, and takes it once the first has ended', async () => {
    const { host, start } = openCounter();
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

  it('tries a command that decide stashed again after the next event', async () => {
    const { host } = testHost();
    const logic = host.persistent(counterMachine(), {
      types: { commands: {} as CounterEvent },
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
    const logic = host.persistent(counterMachine(), {
      types: { commands: {} as { type: 'go' } },
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
