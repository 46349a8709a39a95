import { expect } from 'chai';
import type { AnyActorRef, EventObject } from 'xstate';
import { assign, enqueueActions, fromCallback, setup, stopChild } from 'xstate';
import { StoreUnavailableError } from '../../../../src/model/errors.ts';
import { MemoryJournalPlugin } from '../../../support/memory-journal-plugin.ts';
import { eventually, failureOf, settle } from '../support.ts';
import {
  addOnes,
  open,
  readFrom,
  type SnapshotWorldOptions,
  TestSnapshotStore,
} from './support.ts';

const everyThree = { retention: { snapshotEvery: 3 } };

/** An entity with an init record, five events and a snapshot at number 3; then its process ends. */
async function shelf(entity: object = everyThree, count = 5) {
  const first = open({ entity });
  await addOnes(first, count);
  await settle();
  await first.host.shutdown();
  first.journal.requests.length = 0;
  first.store.calls.length = 0;
  const { journal, store } = first;
  const reopen = (options: SnapshotWorldOptions = {}) => {
    return open({ journal, store, entity: {}, ...options });
  };
  return { journal, store, reopen };
}

describe('a recovery from a snapshot', () => {
  it('applies only the events after it, and reads its last event as proof (A15)', async () => {
    const { journal, reopen } = await shelf();
    const world = reopen();
    await world.recovered();
    expect(world.count()).to.equal(5);
    expect(world.actor.getSnapshot().persistence).to.include({ sequenceNr: 6 });
    expect(world.actor.getSnapshot().persistence.input).to.deep.equal({ id: '1' });
    expect(readFrom(journal)).to.deep.equal([6]);
    expect((await world.add(1)).sequenceNr).to.equal(7);
  });

  it('finds the names free that stopped children had, though the context still holds them', async () => {
    const machine = setup({
      types: { context: {} as { clerk: AnyActorRef | undefined; frees: number } },
      actors: { clerk: fromCallback(() => {}) },
    }).createMachine({
      id: 'office',
      context: { clerk: undefined, frees: 0 },
      on: {
        hire: { actions: assign({ clerk: ({ spawn }) => spawn('clerk', { systemId: 'desk' }) }) },
        dismiss: { actions: stopChild(({ context }) => context.clerk as AnyActorRef) },
        look: {
          actions: enqueueActions(({ context, enqueue, system }) => {
            if (system.get('desk') === undefined) enqueue.assign({ frees: context.frees + 1 });
          }),
        },
      },
    });
    const entity = {
      snapshotWhen: ({ event }: { event: EventObject }) => event.type === 'dismiss',
    };
    const { tell, host, journal, store } = open({ machine, entity });
    for (const type of ['hire', 'dismiss', 'look']) await tell(type);
    await settle();
    await host.shutdown();
    const next = open({ machine, entity, journal, store });
    await next.recovered();
    expect(store.calls).to.include('save 3');
    expect(next.actor.getSnapshot().context.frees).to.equal(1);
  });

  it('shows in its phase that it waits for the store; a look shows nothing', async () => {
    const { journal, store, reopen } = await shelf();
    const open = store.block();
    const world = reopen();
    const phases: string[] = [];
    world.actor.subscribe((snapshot) => {
      const { phase } = (snapshot as { readonly persistence: { readonly phase: string } })
        .persistence;
      if (phases.at(-1) !== phase) phases.push(phase);
    });
    await settle();
    expect(world.actor.getSnapshot().persistence.phase).to.equal('loading-snapshot');
    const replay = journal.blockReplay();
    open();
    await replay.reached;
    expect(world.actor.getSnapshot().persistence.phase).to.equal('replaying');
    replay.open();
    await world.recovered();
    expect(phases).to.deep.equal(['replaying', 'loading-snapshot', 'replaying', 'ready']);
  });

  it('leaves that phase when the load fails, also for a next try', async () => {
    const { store, reopen } = await shelf();
    const open = store.block();
    store.failNext('load', new StoreUnavailableError('down'));
    const world = reopen({ entity: { onPersistFailure: { minBackoff: 1, maxBackoff: 1 } } });
    await settle();
    expect(world.actor.getSnapshot().persistence.phase).to.equal('loading-snapshot');
    open();
    await world.recovered();
    expect(world.actor.getSnapshot().persistence.phase).to.equal('ready');
    expect(world.signals.filter((signal) => signal.startsWith('recovery-failed'))).to.have.length(
      1,
    );
  });

  it('has a tail (A15), in one pass and in two', async () => {
    for (const onePass of [true, false]) {
      const journal = new MemoryJournalPlugin({ onePass });
      const first = open({ journal, entity: everyThree });
      await addOnes(first, 4);
      await settle();
      const { store } = first;
      await first.host.shutdown();
      expect(await store.numbers('c|1')).to.deep.equal([3]);
      const world = open({ journal, store });
      await world.recovered();
      expect(world.count()).to.equal(4);
    }
  });

  it('keeps to criteria, to an upper bound and to a number of events, or uses none (A16)', async () => {
    const { journal, store, reopen } = await shelf({
      retention: { snapshotEvery: 2, keepSnapshots: 9 },
    });
    expect(await store.numbers('c|1')).to.deep.equal([2, 4, 6]);
    const cases = [
      { recovery: {}, from: 6, count: 5 },
      { recovery: { fromSnapshot: { maxSeqNr: 5 } }, from: 4, count: 5 },
      { recovery: { toSeqNr: 5 }, from: 4, count: 4 },
      { recovery: { toSeqNr: 4 }, from: 4, count: 3 },
      { recovery: { fromSnapshot: { maxSeqNr: 3 }, maxEvents: 2 }, from: 2, count: 3 },
      { recovery: { fromSnapshot: 'none' }, from: 1, count: 5 },
      { recovery: { fromSnapshot: { maxSeqNr: undefined } }, from: 6, count: 5 },
      { recovery: { fromSnapshot: { minSeqNr: 7 } }, from: 1, count: 5 },
      { recovery: { fromSnapshot: { maxTimestampMs: 1 } }, from: 1, count: 5 },
    ];
    for (const { recovery, from, count } of cases) {
      journal.requests.length = 0;
      const world = reopen({ entity: { recovery } });
      await world.recovered();
      expect([readFrom(journal), world.count()], JSON.stringify(recovery)).to.deep.equal([
        [from],
        count,
      ]);
      await world.host.shutdown();
    }
  });

  it('numbers on when nothing is to be applied, without asking the store (A16)', async () => {
    const { store, reopen } = await shelf();
    const world = reopen({ entity: { recovery: { toSeqNr: 0 } } });
    await world.recovered();
    expect(world.count()).to.equal(0);
    expect(store.calls).to.deep.equal([]);
    expect((await world.add(1)).sequenceNr).to.equal(7);
  });

  it('takes no snapshot of a state that is not the newest one (A16)', async () => {
    const { store, reopen } = await shelf(everyThree, 3);
    const before = await store.numbers('c|1');
    const world = reopen({ entity: { ...everyThree, recovery: { toSeqNr: 2 } } });
    await addOnes(world, 6);
    await settle();
    expect(await store.numbers('c|1')).to.deep.equal(before);
  });

  it('uses no snapshot of a life that was purged: it reads on from 1', async () => {
    const { journal, reopen } = await shelf();
    await journal.purge('c|1');
    const second = reopen();
    await addOnes(second, 9);
    await second.host.shutdown();
    journal.requests.length = 0;
    const third = reopen();
    await third.recovered();
    expect(third.count()).to.equal(9);
    expect(readFrom(journal)).to.deep.equal([6, 1]);
  });

  it('uses no snapshot that holds more than the journal', async () => {
    const { journal, reopen } = await shelf();
    await journal.purge('c|1');
    const world = reopen();
    await world.recovered();
    expect(world.count()).to.equal(0);
    expect((await world.add(7)).sequenceNr).to.equal(2);
  });

  it('finds the snapshot of the present life among those of an earlier one', async () => {
    const { journal, store, reopen } = await shelf({ retention: { snapshotEvery: 12 } }, 11);
    expect(await store.numbers('c|1')).to.deep.equal([12]);
    await journal.purge('c|1');
    const second = reopen({ entity: everyThree });
    await second.recovered();
    store.failNext('deleteMatching');
    await addOnes(second, 6);
    await settle();
    expect(second.signals).to.include('snapshots-delete-failed 12');
    expect(await store.numbers('c|1')).to.deep.equal([6, 12]);
    await second.host.shutdown();
    journal.requests.length = 0;
    const third = reopen();
    await third.recovered();
    expect(third.count()).to.equal(6);
    expect(readFrom(journal)).to.deep.equal([12, 6]);
  });

  it('leaves those of an earlier life until the present one has a snapshot; then they go', async () => {
    const entity = { retention: { snapshotEvery: 4, keepSnapshots: 9 } };
    const { journal, store, reopen } = await shelf(entity, 11);
    expect(await store.numbers('c|1')).to.deep.equal([4, 8, 12]);
    await journal.purge('c|1');
    const second = reopen({ entity: { retention: { snapshotEvery: 5, keepSnapshots: 9 } } });
    await addOnes(second, 3);
    await settle();
    expect(await store.numbers('c|1'), 'none is saved yet').to.deep.equal([4, 8, 12]);
    await addOnes(second, 1);
    await settle();
    expect(await store.numbers('c|1'), 'that of number 4 is below').to.deep.equal([4, 5]);
    expect(second.signals.slice(1)).to.deep.equal(['snapshots-deleted 12', 'snapshot-saved 5']);
    await second.host.shutdown();
    journal.requests.length = 0;
    const third = reopen();
    await third.recovered();
    expect(third.count()).to.equal(4);
    expect(readFrom(journal)).to.deep.equal([5]);
  });

  it('fails when the snapshot cannot be loaded (A19)', async () => {
    const { store, reopen } = await shelf();
    store.failNext('load', new StoreUnavailableError('down'));
    const world = reopen();
    const error = await failureOf(world.recovered());
    expect(error).to.include({ code: 'RECOVERY_FAILED', retryable: true });
    expect(error.cause).to.include({ message: 'down' });
  });

  it('applies every event instead when snapshots are optional (A19)', async () => {
    const { journal, store, reopen } = await shelf();
    store.isOptional = true;
    store.failNext('load');
    const world = reopen();
    await world.recovered();
    expect(world.count()).to.equal(5);
    expect(readFrom(journal)).to.deep.equal([1]);
  });

  it('refuses to delete events where snapshots are optional, and says why (A19)', async () => {
    const store = new TestSnapshotStore();
    store.isOptional = true;
    const retention = { snapshotEvery: 2, deleteEvents: true };
    const world = open({ store, entity: { retention } });
    const error = await failureOf(world.recovered());
    expect(error.cause).to.include({ code: 'INVALID_INPUT' });
    expect((error.cause as Error).message).to.include('snapshot-is-optional');
    expect((error.cause as Error).message).to.include('would lose its state');
  });

  it('is bounded while the store says nothing (A17)', async () => {
    const { store, reopen } = await shelf();
    const go = store.block();
    const world = reopen({ settings: { recoveryEventTimeoutMs: 10 } });
    const error = await failureOf(world.recovered());
    expect(error.cause).to.include({ code: 'DEADLINE_EXCEEDED' });
    go();
  });

  it('fails when events are deleted and no snapshot stands for them', async () => {
    const { journal, store, reopen } = await shelf();
    await journal.deleteTo('c|1' as never, 4);
    const kept = reopen();
    await kept.recovered();
    expect(kept.count()).to.equal(5);
    await kept.host.shutdown();
    await store.deleteMatching('c|1' as never, { ...allOf, maxSeqNr: 9 });
    for (const deletedTo of [4, 6]) {
      await journal.deleteTo('c|1' as never, deletedTo);
      const error = await failureOf(reopen().recovered());
      expect(error.code).to.equal('RECOVERY_FAILED');
      expect(error.message).to.match(/(events 1 to 4|the events) of c\|1 are deleted/);
      expect(error.message).to.include('there is none');
    }
  });

  it('forgets deleted events, as ever, where there is no snapshot store', async () => {
    const { journal } = await shelf();
    await journal.deleteTo('c|1' as never, 4);
    const world = open({ journal, snapshotStore: async () => undefined });
    await world.recovered();
    expect(world.count()).to.equal(2);
  });

  it('says which snapshot it did not use when events it needs are deleted', async () => {
    const { journal, reopen } = await shelf();
    await journal.deleteTo('c|1' as never, 4);
    const error = await failureOf(reopen({ entity: { machineVersion: '2' } }).recovered());
    expect(error.message).to.include('that of number 6 is not used');
    expect(error.message).to.include('machine version without version, not 2');
  });

  it('discards bytes that it cannot read, and applies every event', async () => {
    for (const text of ['{"formatVersion":2}', 'no json', '[]', '{"formatVersion":1}']) {
      const { store, reopen } = await shelf();
      const metadata = { persistenceId: 'c|1' as never, seqNr: 6 as never, timestampMs: 1 };
      await store.save(metadata, new TextEncoder().encode(text));
      const world = reopen();
      await world.recovered();
      expect(world.count(), text).to.equal(5);
      await world.host.shutdown();
    }
  });

  it('takes one when it had to apply as many events as lie between two (A38)', async () => {
    const { store, reopen } = await shelf({}, 5);
    const few = reopen({ entity: { retention: { snapshotEvery: 7 } } });
    await few.recovered();
    await settle();
    expect(await store.numbers('c|1')).to.deep.equal([]);
    await few.host.shutdown();
    const many = reopen({ entity: { retention: { snapshotEvery: 6 } } });
    await many.recovered();
    await eventually(() => many.signals.includes('snapshot-saved 6'));
    await many.host.shutdown();
    // Its witness is the writer of the event, which is not the process that took the snapshot.
    const last = reopen();
    await last.recovered();
    expect(last.journal.requests.at(-1)?.from).to.equal(6);
    expect(last.count()).to.equal(5);
  });
});

const allOf = { minSeqNr: 0, maxSeqNr: 0, minTimestampMs: 0, maxTimestampMs: 2 ** 52 };
