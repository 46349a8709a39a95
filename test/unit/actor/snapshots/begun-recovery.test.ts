import { expect } from 'chai';
import { LogUnavailableError, StoreUnavailableError } from '../../../../src/model/errors.ts';
import type { CallOptions } from '../../../../src/ports/call-options.ts';
import type {
  BegunRecovery,
  PersistenceId,
  PersistentRepr,
  ReplayRequest,
} from '../../../../src/ports/journal-plugin.ts';
import type { SnapshotStore } from '../../../../src/ports/snapshot-store.ts';
import { MemoryJournalPlugin } from '../../../support/memory-journal-plugin.ts';
import { RecordingLogger } from '../../../support/recording-logger.ts';
import { counterMachine } from '../counter.ts';
import { failureOf, settle, testHost } from '../support.ts';
import {
  addOnes,
  open,
  readFrom,
  type SnapshotWorldOptions,
  type TestSnapshotStore,
} from './support.ts';

/** A recovery that was begun, and what became of it. */
interface Begun {
  readonly id: string;
  readonly signal: AbortSignal | undefined;
  /** What it was asked to go on with. */
  request: ReplayRequest | undefined;
  isOver: boolean;
}

/** A journal that begins recoveries: what they give is what was stored when they began. */
class BeginningJournal extends MemoryJournalPlugin {
  readonly begun: Begun[] = [];
  /** Of the next recovery that is begun. */
  failure: Error | undefined;

  beginRecovery(id: PersistenceId, options?: CallOptions): BegunRecovery {
    const begun: Begun = { id, signal: options?.signal, request: undefined, isOver: false };
    this.begun.push(begun);
    const { failure } = this;
    const stored = [...this.stored(id)];
    const highest = this.highestSeqNr(id);
    this.failure = undefined;
    return {
      recover: async (request) => {
        if (failure !== undefined) throw failure;
        begun.request = request;
        return { highestSeqNr: () => highest, events: within(stored, request) };
      },
      [Symbol.asyncDispose]: async () => {
        begun.isOver = true;
      },
    };
  }
}

async function* within(
  stored: readonly PersistentRepr[],
  { from, to, maxEvents }: ReplayRequest,
): AsyncGenerator<readonly PersistentRepr[]> {
  const wanted = stored.filter(({ seqNr }) => seqNr >= from && seqNr <= to).slice(0, maxEvents);
  if (wanted.length > 0) yield wanted;
}

const everyThree = { retention: { snapshotEvery: 3 } };

/** The shared store, whose loads wait in one process, and only there. */
function gated(store: TestSnapshotStore) {
  const reached = Promise.withResolvers<void>();
  const passed = Promise.withResolvers<void>();
  const here: SnapshotStore = {
    isOptional: false,
    onlyOne: false,
    load: async (id, criteria) => {
      reached.resolve();
      await passed.promise;
      return await store.load(id, criteria);
    },
    save: (metadata, snapshot) => store.save(metadata, snapshot),
    delete: (metadata) => store.delete(metadata),
    deleteMatching: (id, criteria) => store.deleteMatching(id, criteria),
    [Symbol.asyncDispose]: async () => {},
  };
  return { here, reached: reached.promise, open: passed.resolve };
}

/** An entity with an init record and five events, and snapshots at numbers 3 and 6. */
async function shelf(retention: object = { snapshotEvery: 3, keepSnapshots: 2 }) {
  const journal = new BeginningJournal();
  const first = open({ journal, entity: { retention } });
  await addOnes(first, 5);
  await settle();
  await first.host.shutdown();
  const { store } = first;
  const forget = (): void => {
    journal.begun.length = 0;
    journal.requests.length = 0;
    store.calls.length = 0;
  };
  forget();
  const reopen = (options: SnapshotWorldOptions = {}) =>
    open({ journal, store, entity: {}, ...options });
  return { journal, store, reopen, forget };
}

describe('a recovery that begins while its snapshot is loaded', () => {
  it('is begun before the load, goes on from the snapshot, and is over at the end', async () => {
    const { journal, store, reopen } = await shelf();
    const load = gated(store);
    const world = reopen({ snapshotStore: async () => load.here });
    await load.reached;
    expect(journal.begun).to.have.lengthOf(1);
    expect(journal.begun[0]).to.include({ id: 'c|1', request: undefined, isOver: false });
    load.open();
    await world.recovered();
    expect(world.count()).to.equal(5);
    expect(journal.begun[0]?.request).to.include({ from: 6, maxEvents: Number.POSITIVE_INFINITY });
    expect(journal.begun[0]?.isOver).to.equal(true);
    expect(readFrom(journal), 'nothing is read twice').to.deep.equal([]);
  });

  it('goes on from the first event when there is no snapshot', async () => {
    const { journal, store, reopen } = await shelf();
    await store.deleteMatching('c|1' as PersistenceId, everything);
    const world = reopen();
    await world.recovered();
    expect(world.count()).to.equal(5);
    expect(journal.begun.map(({ request }) => request?.from)).to.deep.equal([1]);
    expect(readFrom(journal)).to.deep.equal([]);
  });

  it('goes on from an older snapshot when the newest does not fit the program', async () => {
    const { journal, store, reopen } = await shelf();
    const damaged = { persistenceId: 'c|1' as never, seqNr: 6 as never, timestampMs: 1 };
    await store.save(damaged, new TextEncoder().encode('no json'));
    const world = reopen();
    await world.recovered();
    expect(world.count()).to.equal(5);
    expect(journal.begun.map(({ request }) => request?.from)).to.deep.equal([3]);
  });

  for (const [name, options] of [
    ['no snapshot is to be used', { entity: { recovery: { fromSnapshot: 'none' } } }],
    ['nothing is to be applied', { entity: { recovery: { toSeqNr: 0 } } }],
    ['there is no snapshot store', { snapshotStore: async () => undefined }],
  ] as const) {
    it(`is not begun when ${name}`, async () => {
      const { journal, reopen } = await shelf();
      const world = reopen(options);
      await world.recovered();
      expect(journal.begun).to.deep.equal([]);
    });
  }

  describe('while another process goes on with the entity', () => {
    /** The other process works between the beginning of the read and the load of the snapshot. */
    async function race(
      retention: object,
      work: (other: ReturnType<typeof open>) => Promise<void>,
    ) {
      const { journal, store, reopen, forget } = await shelf(retention);
      const other = reopen({ entity: { retention } });
      await other.recovered();
      forget();
      const log = new RecordingLogger();
      const load = gated(store);
      const world = reopen({ snapshotStore: async () => load.here, log, entity: { retention } });
      await load.reached;
      await work(other);
      await settle();
      await other.host.shutdown();
      load.open();
      await world.recovered();
      return { world, journal, store, log };
    }

    it('uses a snapshot that was saved after the read began: it is of this life', async () => {
      const { world, journal, log } = await race(everyThree.retention, (other) =>
        addOnes(other, 6),
      );
      expect(world.count()).to.equal(11);
      expect(journal.begun.map(({ request }) => request?.from)).to.deep.equal([12]);
      expect(readFrom(journal), 'read again, after the load').to.deep.equal([12]);
      expect(log.of('warn'), 'no snapshot is left unused').to.deep.equal([]);
    });

    it('uses it where it is the only thing left of the events', async () => {
      const retention = { snapshotEvery: 3, deleteEvents: true };
      const { world, journal } = await race(retention, (other) => addOnes(other, 6));
      expect(journal.stored('c|1')[0]?.seqNr, 'events are deleted').to.be.greaterThan(1);
      expect(world.count()).to.equal(11);
    });

    it('knows the life that began after a purge, by its snapshot', async () => {
      const { world, log } = await race(everyThree.retention, async (other) => {
        await other.journal.purge('c|1');
        await other.host.shutdown();
        const next = open({ journal: other.journal, store: other.store, entity: everyThree });
        await addOnes(next, 8);
        await settle();
        await next.host.shutdown();
      });
      expect(world.count()).to.equal(8);
      expect(log.of('warn')).to.deep.equal([]);
    });

    it('misses no event of a journal that was purged with its snapshots', async () => {
      const retention = { snapshotEvery: 3, deleteEvents: true };
      const { world, journal } = await race(retention, async (other) => {
        await other.host.shutdown();
        await other.journal.purge('c|1');
        await other.store.deleteMatching('c|1' as PersistenceId, everything);
      });
      expect(journal.begun[0]?.request?.from, 'what it saw first lacks events').to.equal(1);
      expect(world.count()).to.equal(0);
      expect((await world.add(1)).sequenceNr).to.equal(2);
    });
  });

  it('still leaves a snapshot of a former life unused', async () => {
    const { journal, reopen } = await shelf();
    await journal.purge('c|1');
    const world = reopen();
    await world.recovered();
    expect(world.count()).to.equal(0);
    expect(readFrom(journal)).to.deep.equal([6, 1]);
  });

  it('says that events are deleted when no snapshot stands for them, each reason once', async () => {
    const { journal, reopen } = await shelf();
    await journal.deleteTo('c|1' as PersistenceId, 2);
    const error = await failureOf(reopen({ entity: { machineVersion: '2' } }).recovered());
    expect(error.code).to.equal('RECOVERY_FAILED');
    expect(error.message.match(/that of number 6 is not used/g)).to.have.lengthOf(1);
    expect(journal.begun[0]?.isOver).to.equal(true);
  });

  it('is over when the snapshot cannot be loaded', async () => {
    const { journal, store, reopen } = await shelf();
    store.failNext('load', new StoreUnavailableError('down'));
    const error = await failureOf(reopen().recovered());
    expect(error.cause).to.include({ message: 'down' });
    expect(journal.begun[0]).to.include({ request: undefined, isOver: true });
  });

  it('goes on when snapshots are optional, and one cannot be loaded', async () => {
    const { journal, store, reopen } = await shelf();
    store.isOptional = true;
    store.failNext('load');
    const world = reopen();
    await world.recovered();
    expect(world.count()).to.equal(5);
    expect(journal.begun[0]).to.deep.include({ isOver: true });
    expect(journal.begun[0]?.request?.from).to.equal(1);
  });

  it('is over, and its signal fires, when the store says nothing for too long', async () => {
    const { journal, store, reopen } = await shelf();
    const go = store.block();
    const world = reopen({ settings: { recoveryEventTimeoutMs: 10 } });
    const error = await failureOf(world.recovered());
    expect(error.cause).to.include({ code: 'DEADLINE_EXCEEDED' });
    expect(journal.begun[0]).to.include({ request: undefined, isOver: true });
    expect(journal.begun[0]?.signal?.aborted).to.equal(true);
    go();
  });

  it('is over when the host shuts down while the snapshot is loaded', async () => {
    const { journal, store, reopen } = await shelf();
    const load = gated(store);
    const world = reopen({ snapshotStore: async () => load.here });
    await load.reached;
    await world.host.shutdown();
    await settle();
    expect(journal.begun[0]).to.include({ request: undefined, isOver: true });
    expect(journal.begun[0]?.signal?.aborted).to.equal(true);
    load.open();
  });

  it('fails with what its beginning failed with, and begins anew with the entity', async () => {
    const { journal, reopen } = await shelf();
    journal.failure = new LogUnavailableError('no leader');
    const world = reopen({ entity: { onPersistFailure: { minBackoff: 1, maxBackoff: 1 } } });
    await world.recovered();
    expect(world.causes.map((cause) => (cause as Error).cause)).to.deep.equal([
      new LogUnavailableError('no leader'),
    ]);
    expect(journal.begun.map(({ isOver }) => isOver)).to.deep.equal([true, true]);
    expect(world.count()).to.equal(5);
  });

  it('is begun by a look, too', async () => {
    const { journal, store } = await shelf();
    const { host } = testHost({ journal, snapshotStore: async () => store });
    const persistenceId = ({ input }: { input: { id: string } }) => `c|${input.id}`;
    const counters = host.entities('counter', host.persistent(counterMachine(), { persistenceId }));
    const snapshot = await counters.peek('1');
    expect(snapshot.context.count).to.equal(5);
    expect(journal.begun.map(({ request }) => request?.from)).to.deep.equal([6]);
    expect(journal.begun[0]?.isOver).to.equal(true);
  });
});

const everything = {
  minSeqNr: 0,
  maxSeqNr: Number.MAX_SAFE_INTEGER,
  minTimestampMs: 0,
  maxTimestampMs: Number.MAX_SAFE_INTEGER,
};
