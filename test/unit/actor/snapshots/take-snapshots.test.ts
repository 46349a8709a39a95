import { expect } from 'chai';
import type { EventObject } from 'xstate';
import { createActor } from 'xstate';
import { WriteFailedError } from '../../../../src/model/errors.ts';
import { silentLogger } from '../../../../src/observability/logger.ts';
import { hostSnapshotStore } from '../../../../src/plugin/host/hosted-snapshot-store.ts';
import { systemClock } from '../../../../src/runtime/clock.ts';
import { HoldableJournal } from '../holdable-journal.ts';
import { eventually, failureOf, ManualClock, settle, testHost } from '../support.ts';
import { addOnes, open, TestSnapshotStore } from './support.ts';

/** A store with what the host does around it. */
function hosted() {
  const store = new TestSnapshotStore();
  const deps = {
    settings: {
      breaker: { maxFailures: 5, callTimeoutMs: 1000, resetTimeoutMs: 1000 },
      isOptional: false,
      onlyOne: false,
    },
    configPath: 'my.store',
    closeTimeoutMs: 1000,
    log: silentLogger,
    clock: systemClock,
  };
  return { store, snapshotStore: async () => hostSnapshotStore(store, deps) };
}

/** Number 1 is the init record, so the first event has number 2. */
describe('snapshots', () => {
  it('are taken at every n-th number (A38)', async () => {
    const world = open({ entity: { retention: { snapshotEvery: 3, keepSnapshots: 9 } } });
    await addOnes(world, 9);
    await settle();
    expect(await world.store.numbers('c|1')).to.deep.equal([3, 6, 9]);
    expect(world.signals).to.deep.equal([
      'recovery-completed 0',
      'snapshot-saved 3',
      'snapshot-saved 6',
      'snapshot-saved 9',
    ]);
  });

  it('are taken once, after the last event, of a command that crosses such a number (A38)', async () => {
    const world = open({
      entity: {
        retention: { snapshotEvery: 3, keepSnapshots: 9 },
        decide: ({ command }: { command: { n: number } }) => {
          const events = Array.from({ length: command.n }, () => ({ type: 'added', n: 1 }));
          return { type: 'persist', events };
        },
      },
    });
    await world.add(7); // 2 .. 8, with 3 and 6 among them
    await settle();
    expect(await world.store.numbers('c|1')).to.deep.equal([8]);
  });

  it('are taken after the last part of an event of which an adapter makes several', async () => {
    const eventAdapter = {
      toJournal: (event: EventObject) => event,
      fromJournal: (event: EventObject) => [event, event],
    };
    const world = open({ entity: { eventAdapter, retention: { snapshotEvery: 3 } } });
    await addOnes(world, 2); // 2 and 3
    expect(await world.store.numbers('c|1')).to.deep.equal([3]);
    expect(await world.store.text('c|1')).to.have.nested.property('state.context.count', 4);
  });

  it('are taken where a predicate says so, which sees each event and its state (A38)', async () => {
    const seen: unknown[] = [];
    const world = open({
      entity: {
        snapshotWhen: ({ snapshot, event, sequenceNr }: never) => {
          const { context } = snapshot as { context: { count: number } };
          seen.push([context.count, event, sequenceNr]);
          return sequenceNr === 3;
        },
      },
    });
    await addOnes(world, 3);
    await settle();
    const event = { type: 'added', n: 1 };
    expect(seen).to.deep.equal([1, 2, 3].map((n) => [n, event, n + 1]));
    expect(await world.store.numbers('c|1')).to.deep.equal([3]);
  });

  it('of a predicate lead to no deletion; those of retention do (A38)', async () => {
    const world = open({
      entity: {
        retention: { snapshotEvery: 4, keepSnapshots: 1 },
        snapshotWhen: ({ sequenceNr }: { sequenceNr: number }) => sequenceNr % 3 === 0,
      },
    });
    await addOnes(world, 6);
    await settle();
    expect(await world.store.numbers('c|1')).to.deep.equal([3, 4, 6]);
    await addOnes(world, 1);
    await settle();
    // 8 - 1 * 4 = 4
    expect(await world.store.numbers('c|1')).to.deep.equal([6, 8]);
    expect(world.signals.slice(-2)).to.deep.equal(['snapshot-saved 8', 'snapshots-deleted 4']);
  });

  it('are kept as many as asked (A38)', async () => {
    const world = open({ entity: { retention: { snapshotEvery: 2, keepSnapshots: 3 } } });
    await addOnes(world, 13);
    await settle();
    expect(await world.store.numbers('c|1')).to.deep.equal([10, 12, 14]);
    expect(world.journal.deletions).to.deep.equal([]);
  });

  it('let events be deleted first, then snapshots, within their bounds (A38)', async () => {
    const retention = { snapshotEvery: 5, keepSnapshots: 2, deleteEvents: true };
    const world = open({ entity: { retention } });
    await addOnes(world, 19);
    await settle();
    // At 15: 15 - 2 * 5 = 5; at 20: 10. Snapshots go up to one less.
    expect(world.journal.deletions).to.deep.equal([
      ['c|1', 5],
      ['c|1', 10],
    ]);
    expect(await world.store.numbers('c|1')).to.deep.equal([10, 15, 20]);
    expect(world.signals.slice(-3)).to.deep.equal([
      'snapshot-saved 20',
      'events-deleted 10',
      'snapshots-deleted 9',
    ]);
    const next = open({ journal: world.journal, store: world.store });
    await world.host.shutdown();
    await next.recovered();
    expect(next.count()).to.equal(19);
  });

  it('leave those of the next life alone, which another process has begun meanwhile (A38)', async () => {
    const clock = new ManualClock();
    const entity = { retention: { snapshotEvery: 2, deleteEvents: true } };
    const world = open({ clock, entity });
    await addOnes(world, 4);
    const { promise: frozen, resolve: thaw } = Promise.withResolvers<void>();
    const deleteTo = world.journal.deleteTo.bind(world.journal);
    world.journal.deleteTo = (...call) => deleteTo(...call).then(() => frozen);
    await addOnes(world, 1); // 6: the events up to 4 go, then the snapshots up to 3
    await clock.pass(1000);
    const { journal, store } = world;
    const there = open({ journal, store, clock, entity });
    await there.host.purge(there.actor as never);
    const next = open({ journal, store, clock, entity });
    await addOnes(next, 1);
    expect(await store.numbers('c|1')).to.deep.equal([2]);
    thaw();
    await settle();
    expect(await store.numbers('c|1')).to.deep.equal([2]);
  });

  it('lead to one deletion at a time, and to none when they could not be saved (A38)', async () => {
    const world = open({ entity: { retention: { snapshotEvery: 2, deleteEvents: true } } });
    await addOnes(world, 1);
    world.store.failNext('save');
    await addOnes(world, 2);
    expect(world.signals.at(-1)).to.equal('snapshot-failed 4');
    expect(world.journal.deletions).to.deep.equal([]);
    const { promise: deleted, resolve: release } = Promise.withResolvers<void>();
    const deleteTo = world.journal.deleteTo.bind(world.journal);
    world.journal.deleteTo = async (...call) => {
      await deleteTo(...call);
      await deleted;
    };
    await addOnes(world, 4);
    release();
    await settle();
    expect(world.journal.deletions).to.deep.equal([['c|1', 4]]);
    await addOnes(world, 2);
    await settle();
    expect(world.journal.deletions.at(-1)).to.deep.equal(['c|1', 8]);
  });

  it('of a store that keeps one only let every event before it be deleted (A38)', async () => {
    const store = new TestSnapshotStore();
    store.onlyOne = true;
    const retention = { snapshotEvery: 5, keepSnapshots: 2, deleteEvents: true };
    const world = open({ store, entity: { retention } });
    await addOnes(world, 4);
    await settle();
    // Not 5: event number 5 proves that the snapshot belongs to the journal.
    expect(world.journal.deletions).to.deep.equal([['c|1', 4]]);
    expect(store.calls.filter((call) => call.startsWith('delete'))).to.deep.equal([]);
    await world.host.shutdown();
    const next = open({ journal: world.journal, store });
    await next.recovered();
    expect(next.count()).to.equal(4);
  });

  it('stay when events could not be deleted, and only a signal says so (A38)', async () => {
    const retention = { snapshotEvery: 2, deleteEvents: true };
    const world = open({ entity: { retention } });
    await addOnes(world, 2);
    await settle();
    world.journal.failNextDeletion(new WriteFailedError('who knows'));
    await addOnes(world, 1);
    await settle();
    expect(world.signals.slice(-2)).to.deep.equal(['snapshot-saved 4', 'events-delete-failed 2']);
    expect(await world.store.numbers('c|1')).to.deep.equal([2, 4]);
    world.store.failNext('deleteMatching');
    await addOnes(world, 2);
    await settle();
    expect(world.signals.slice(-3)).to.deep.equal([
      'snapshot-saved 6',
      'events-deleted 4',
      'snapshots-delete-failed 3',
    ]);
    expect(world.actor.getSnapshot().status).to.equal('active');
  });

  it('that come due while one is being saved are left out, and hold nothing up (A38)', async () => {
    const retention = { snapshotEvery: 2, keepSnapshots: 9 };
    const world = open({ entity: { retention } });
    await world.recovered();
    const go = world.store.block();
    await addOnes(world, 6);
    expect(world.store.calls).to.deep.equal(['load', 'save 2']);
    go();
    await settle();
    await addOnes(world, 1);
    await settle();
    expect(await world.store.numbers('c|1')).to.deep.equal([2, 8]);
  });

  it('hold commands up until they are saved, or have failed, where one asks for it', async () => {
    for (const fails of [false, true]) {
      const world = open({ entity: { retention: { snapshotEvery: 2 }, waitForSnapshot: true } });
      await world.recovered();
      const go = world.store.block();
      if (fails) world.store.failNext('save');
      expect((await world.add(1)).sequenceNr).to.equal(2); // it does not wait for itself
      const second = world.add(1);
      await settle();
      expect(world.actor.getSnapshot().persistence).to.include({ phase: 'persisting', stashed: 1 });
      go();
      expect((await second).sequenceNr).to.equal(3);
    }
  });

  it('that could not be saved only signal, and are taken back from the store (A38)', async () => {
    const world = open({
      ...hosted(),
      entity: { retention: { snapshotEvery: 2, keepSnapshots: 9 } },
    });
    await world.recovered();
    world.store.failNext('save', new Error('disk full'));
    await addOnes(world, 1);
    await settle();
    expect(world.signals.at(-1)).to.equal('snapshot-failed 2');
    expect(world.causes).to.have.lengthOf(1);
    expect(world.store.calls).to.deep.equal(['load', 'save 2', 'delete 2']);
    expect(await world.store.numbers('c|1')).to.deep.equal([]);
    await addOnes(world, 2);
    await settle();
    expect(await world.store.numbers('c|1')).to.deep.equal([4]);
  });

  it('hold the state at the commit of their last event, whatever is done to it later', async () => {
    const world = open({ entity: { retention: { snapshotEvery: 2 } } });
    await world.recovered();
    const go = world.store.block();
    await world.add(1);
    await world.add(40); // is applied while number 2 is still being saved
    go();
    await settle();
    const { state } = await world.store.text('c|1');
    expect((state as { context: unknown }).context).to.deep.equal({ id: '1', count: 1 });
  });

  it('of a state that JSON cannot hold fail with a signal, and one warning; the entity lives', async () => {
    const warnings: unknown[] = [];
    const log = {
      ...silentLogger,
      warn: (fields: unknown, text: string) => warnings.push([fields, text]),
    };
    const test = testHost({ snapshotStore: async () => new TestSnapshotStore(), log });
    const signals: string[] = [];
    const logic = test.host.behavior({
      types: { commands: {} as EventObject, events: {} as EventObject },
      persistenceId: 'b',
      initialState: { at: new URL('http://a.example') } as unknown,
      decide: () => ({ type: 'persist', events: [{ type: 'seen' }] }),
      evolve: (state) => state,
      retention: { snapshotEvery: 1 },
      onSignal: ({ type, sequenceNr }) => signals.push(`${type} ${sequenceNr}`),
    });
    const actor = createActor(logic).start();
    for (let i = 0; i < 3; i++) await test.host.ask(actor, { type: 'go' });
    await settle();
    expect(signals.filter((signal) => signal.startsWith('snapshot-failed'))).to.have.lengthOf(3);
    expect(warnings).to.have.lengthOf(1);
    const [fields] = warnings[0] as [{ err: { path: string; message: string } }];
    expect(fields.err.path).to.equal('state.context.at');
    expect(fields.err.message).to.include('an instance of URL');
  });

  it('that nobody can keep are warned of once, when the first actor starts', async () => {
    const warnings: string[] = [];
    const log = { ...silentLogger, warn: (_: unknown, text: string) => warnings.push(text) };
    const test = testHost({ log });
    const logic = test.host.behavior({
      types: { commands: {} as EventObject, events: {} as EventObject, input: '' },
      persistenceId: ({ input }) => input,
      initialState: 0,
      decide: () => ({ type: 'none' }),
      evolve: (state) => state,
      retention: { snapshotEvery: 1 },
    });
    for (const input of ['a', 'b']) {
      await test.host.whenRecovered(createActor(logic, { input }).start());
    }
    expect(warnings).to.deep.equal(['no snapshot is taken: there is no snapshot store']);
  });

  it('hold stored events only: nothing of a write that failed', async () => {
    const world = open({
      entity: {
        retention: { snapshotEvery: 2 },
        onPersistFailure: { minBackoff: 0, maxBackoff: 0 },
      },
    });
    await world.recovered();
    await world.add(1);
    world.journal.failNextWrite(new WriteFailedError('lost'));
    await failureOf(world.add(100)); // would be number 3
    await world.add(1);
    await world.add(1);
    await settle();
    const { state } = await world.store.text('c|1');
    expect((state as { context: unknown }).context).to.deep.equal({ id: '1', count: 3 });
  });

  it('go through the held journal: an entity that was lost deletes nothing', async () => {
    const journal = new HoldableJournal();
    const retention = { snapshotEvery: 2, deleteEvents: true };
    const world = open({ journal, entity: { retention } });
    await addOnes(world, 2);
    await settle();
    const go = world.store.block();
    await world.add(1); // number 4 is being saved
    journal.lose('c|1');
    await settle();
    go();
    await settle();
    expect(journal.deletions).to.deep.equal([]);
    expect(await world.store.numbers('c|1')).to.deep.equal([2, 4]);
  });

  it('fail the entity when the predicate throws, after its event is stored', async () => {
    const world = open({
      entity: {
        snapshotWhen: () => {
          throw new Error('no idea');
        },
      },
    });
    const error = await failureOf(world.add(1));
    expect(error).to.include({ code: 'ENTITY_STOPPED', stored: 'yes' });
    expect(world.actor.getSnapshot().status).to.equal('error');
  });

  it('refuse options that mean nothing', () => {
    for (const entity of [
      { retention: { snapshotEvery: 0 } },
      { retention: { snapshotEvery: 1.5 } },
      { retention: { snapshotEvery: 1, keepSnapshots: 0 } },
      { snapshotWhen: true },
      { machineVersion: 2 },
      { retention: { snapshotEvery: 1, deleteEvents: 'no' } },
      { waitForSnapshot: 1 },
      { snapshotAdapter: { fromStore: (state: object) => state } },
      { recovery: { fromSnapshot: 'newest' } },
      { recovery: { fromSnapshot: { maxNumber: 3 } } },
      { recovery: { fromSnapshot: { maxSeqNr: '3' } } },
      { recovery: { maxEvents: -1 } },
    ]) {
      expect(() => open({ entity }), JSON.stringify(entity))
        .to.throw()
        .with.property('code', 'INVALID_INPUT');
    }
  });

  it('do not outlive their actor as unhandled failures', async () => {
    const world = open({ ...hosted(), entity: { retention: { snapshotEvery: 2 } } });
    await world.recovered();
    const go = world.store.block();
    await world.add(1);
    world.store.failNext('save');
    world.store.failNext('delete');
    await world.host.shutdown();
    go();
    await eventually(() => world.store.calls.includes('delete 2'));
    await settle();
  });
});
