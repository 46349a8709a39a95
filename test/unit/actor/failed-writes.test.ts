import { expect } from 'chai';
import { createActor, fromCallback, setup, spawnChild, waitFor } from 'xstate';
import { isReady } from '../../../src/actor/entity/persistence-info.ts';
import { WriteFailedError, WriteRejectedError } from '../../../src/model/errors.ts';
import type { CounterCommand } from './counter.ts';
import { counterMachine, decideCounter } from './counter.ts';
import { openCounter, openDecidingCounter } from './open-counter.ts';
import { eventually, failureOf, ManualClock, settle, testHost } from './support.ts';

/** A counter whose first command waits for its write. */
async function writeInHand() {
  const { host, journal, start } = openCounter();
  const actor = start();
  await waitFor(actor, isReady);
  const write = journal.blockNextWrite();
  const one = host.ask(actor, { type: 'added', n: 1 });
  await write.reached;
  return { host, journal, actor, write, one };
}

describe('a write that goes wrong', () => {
  it('applies none of the events of a decision when its write is rejected', async () => {
    const { host, journal, actor } = openDecidingCounter();
    await host.ask(actor, { type: 'look' });
    journal.rejectNextWrite(new WriteRejectedError('too big'));
    const error = await failureOf(host.ask(actor, { type: 'add', ns: [1, 2] }));
    expect(error.code).to.equal('WRITE_REJECTED');
    expect(actor.getSnapshot().context.count).to.equal(0);
    await host.shutdown();
  });

  it('goes on with state and numbering as they were after a rejection', async () => {
    const { host, start } = openCounter();
    const actor = start();
    await host.ask(actor, { type: 'added', n: 1 });
    const error = await failureOf(host.ask(actor, { type: 'added', n: Number.NaN }));
    expect(error).to.include({ code: 'WRITE_REJECTED', path: 'event.n' });
    const { sequenceNr, snapshot } = await host.ask(actor, { type: 'added', n: 2 });
    expect(sequenceNr).to.equal(3);
    expect(snapshot.context.count).to.equal(3);
    expect(actor.getSnapshot().status).to.equal('active');
    await host.shutdown();
  });

  it('refuses only the command at fault when a grouped write is rejected', async () => {
    const { host, journal, actor, write, one } = await writeInHand();
    journal.failNextWrite(new WriteRejectedError('one of these'));
    const rest = [10, 100, 1000].map((n) => host.ask(actor, { type: 'added', n }));
    journal.rejectNextWrite(new WriteRejectedError('this one'));
    write.open();
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

  it('answers those of a grouped write that are stored before the one that is rejected', async () => {
    const { host, journal, actor, write, one } = await writeInHand();
    const rest = [10, 100, 1000].map((n) => host.ask(actor, { type: 'added', n }));
    journal.rejectNextWrite(new WriteRejectedError('one of these'), [1, 2]);
    journal.rejectNextWrite(new WriteRejectedError('this one'));
    write.open();
    const settled = await Promise.allSettled([one, ...rest]);
    expect(
      settled.map((one) => (one.status === 'fulfilled' ? one.value.sequenceNr : 0)),
    ).to.deep.equal([2, 3, 0, 4]);
    expect(actor.getSnapshot().context.count).to.equal(1011);
    await host.shutdown();
  });

  it('recovers when the journal refuses a write and stores a later one', async () => {
    const { host, journal, start } = openCounter();
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
      const { host, journal, start } = openCounter({ settings: { onRejected } });
      const actor = start();
      await host.ask(actor, { type: 'added', n: 1 });
      journal.rejectNextWrite(new Error('journal is full'));
      const error = await failureOf(host.ask(actor, { type: 'added', n: 2 }));
      expect(error.code).to.equal('WRITE_REJECTED');
      expect(actor.getSnapshot().status).to.equal(onRejected === 'stop' ? 'error' : 'active');
      await host.shutdown();
    }
  });

  it('ends in error after a failed write, and tells the asker that nobody knows', async () => {
    const { host, journal, start } = openCounter();
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

  it('shows nothing of its state while it waits to start over, and no failure afterwards', async () => {
    const clock = new ManualClock();
    const { host, journal, machine } = openCounter({ clock });
    const logic = host.persistent(machine, {
      persistenceId: 'c|1',
      onPersistFailure: { minBackoff: 50, maxBackoff: 50 },
    });
    const actor = createActor(logic, { input: { id: '1' } }).start();
    await host.ask(actor, { type: 'added', n: 1 });
    const write = journal.blockAndFailNextWrite(new Error('socket closed'));
    const lost = failureOf(host.ask(actor, { type: 'added', n: 10 }));
    write.open();
    const error = await lost;
    const { context, persistence } = actor.getSnapshot();
    expect(context.count).to.equal(0);
    expect(persistence).to.include({ phase: 'backoff', sequenceNr: 0, lastError: error });
    await clock.pass(51);
    await waitFor(actor, isReady);
    const back = actor.getSnapshot();
    expect(back.context.count).to.equal(1);
    expect(back.persistence).to.not.have.property('lastError');
    await host.shutdown();
  });

  it('starts over after a failed write with its stash kept when it has a backoff', async () => {
    const { host, journal, machine } = openCounter();
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

  it('asks again, after the restart, what had no event of its own to lose', async () => {
    const { host, journal } = testHost();
    const logic = host.persistent(counterMachine(), {
      types: { commands: {} as CounterCommand },
      persistenceId: 'c|1',
      decide: decideCounter,
      onPersistFailure: { minBackoff: 1, maxBackoff: 1 },
    });
    const actor = createActor(logic, { input: { id: '1' } }).start();
    const replay = journal.blockReplay();
    journal.failNextWrite(new WriteFailedError('no answer'));
    const lost = failureOf(host.ask(actor, { type: 'add', ns: [5] }));
    const looked = host.ask(actor, { type: 'look' });
    replay.open();
    expect((await lost).code).to.equal('WRITE_FAILED');
    expect((await looked).reply).to.equal(0);
  });

  it('learns in its recovery that a failed write was stored after all', async () => {
    const { host, journal, machine } = openCounter();
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
    const { host, journal, machine } = openCounter();
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

  it('counts failures anew once something was stored', async () => {
    const { host, journal, machine } = openCounter();
    const onPersistFailure = { minBackoff: 1, maxBackoff: 1, maxRestarts: 1 };
    const logic = host.persistent(machine, { persistenceId: 'c|1', onPersistFailure });
    const actor = createActor(logic, { input: { id: '1' } }).start();
    for (let i = 1; i <= 3; i++) {
      journal.failNextWrite(new WriteFailedError('away'));
      await failureOf(host.ask(actor, { type: 'added', n: 1 }));
      await host.ask(actor, { type: 'added', n: 1 });
    }
    expect(actor.getSnapshot().context.count).to.equal(3);
    await host.shutdown();
  });

  it('ends open questions when xstate stops it in the middle of a write', async () => {
    const { host, actor, write, one: asked } = await writeInHand();
    actor.stop();
    const error = await failureOf(asked);
    expect(error.code).to.equal('ENTITY_STOPPED');
    expect(error.message).to.contain('while its command was being written');
    write.open();
    await host.shutdown();
  });

  it('lets the successor of a stopped actor wait for the write that was under way', async () => {
    const { host, journal, start } = openCounter();
    const actor = start();
    await waitFor(actor, isReady);
    const write = journal.blockNextWrite();
    host.ask(actor, { type: 'added', n: 1 }).catch(() => {});
    await write.reached;
    actor.stop();
    const successor = start();
    await settle();
    expect(successor.getSnapshot().persistence.phase).to.equal('awaiting-permit');
    write.open();
    await host.whenRecovered(successor);
    expect(successor.getSnapshot().context.count).to.equal(1);
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
    await failureOf(host.ask(actor, { type: 'added', n: 1, at: new Date() } as never));
    expect(signals).to.deep.equal([
      'recovery-completed',
      'persist-rejected',
      'persist-failed',
      'recovery-completed',
      'persist-rejected',
    ]);
    await host.shutdown();
  });

  it('ends an entity whose init record is rejected: it says of which one, and signals that', async () => {
    const signals: unknown[] = [];
    const { host, journal } = testHost();
    const logic = host.persistent(counterMachine(), {
      persistenceId: 'c|1',
      initEvent: 'always',
      onRejected: 'continue',
      onSignal: ({ type, cause }) => signals.push(type, cause),
    });
    const cause = new Error('disk full');
    journal.rejectNextWrite(cause);
    const actor = createActor(logic, { input: { id: '1' } });
    actor.subscribe({ error: () => {} });
    actor.start();
    const error = await failureOf(host.whenRecovered(actor));
    expect(error).to.be.instanceOf(WriteRejectedError).and.include({ cause });
    expect(error.message).to.equal('the journal refused the init record of c|1');
    expect(signals).to.deep.equal(['persist-rejected', error]);
  });

  it('stops all children before it recovers, also one that the state no longer shows', async () => {
    let running = 0;
    const radio = fromCallback(() => {
      running += 1;
      return () => {
        running -= 1;
      };
    });
    const machine = setup({ actors: { radio } }).createMachine({
      // Without an id both have the same place in `children`.
      entry: [spawnChild('radio', { systemId: 'radio' }), spawnChild('radio')],
      on: { heard: {} },
    });
    const { host, journal } = testHost();
    const logic = host.persistent(machine, {
      persistenceId: 'radio|1',
      onPersistFailure: { minBackoff: 1, maxBackoff: 1 },
    });
    const actor = createActor(logic).start();
    await waitFor(actor, isReady);
    expect(running).to.equal(2);
    journal.failNextWrite(new WriteFailedError('no answer'), { stored: true });
    await failureOf(host.ask(actor, { type: 'heard' }));
    await host.ask(actor, { type: 'heard' });
    // The one that the state shows has started again.
    expect(running).to.equal(1);
    await host.shutdown();
  });
});
