import { expect } from 'chai';
import { ClosedError, CodecError, StoreUnavailableError } from '../../../../src/model/errors.ts';
import { SeqNr } from '../../../../src/model/seq-nr.ts';
import { hostSnapshotStore } from '../../../../src/plugin/host/hosted-snapshot-store.ts';
import {
  SnapshotCriteria,
  type SnapshotMetadata,
  type SnapshotStorePlugin,
  type StoredSnapshot,
} from '../../../../src/ports/snapshot-store.ts';
import { InMemorySnapshotStore } from '../../../../src/stores/memory/in-memory-snapshot-store.ts';
import { RecordingLogger } from '../../../support/recording-logger.ts';
import { ManualClock, settle } from '../../../support/replicator/manual-clock.ts';
import { id } from './events.ts';

const bytes = Buffer.from('snapshot');
const never = () => new Promise<never>(() => {});

describe('the host of a snapshot store', () => {
  let clock: ManualClock;
  beforeEach(() => {
    clock = new ManualClock();
  });

  function host(calls: Partial<SnapshotStorePlugin>) {
    const plugin = new InMemorySnapshotStore();
    const settings = {
      breaker: { maxFailures: 2, callTimeoutMs: 100, resetTimeoutMs: 1000 },
      isOptional: true,
      onlyOne: false,
    };
    const log = new RecordingLogger();
    const deps = { settings, configPath: 'my.store', closeTimeoutMs: 50, log, clock };
    return hostSnapshotStore(Object.assign(plugin, calls), deps);
  }

  const metadata: SnapshotMetadata = { persistenceId: id, seqNr: SeqNr.of(3), timestampMs: 1 };

  async function failureOf(call: Promise<unknown>): Promise<Error> {
    return await call.then(
      () => expect.fail('should have failed'),
      (error) => error,
    );
  }

  it('says when a snapshot was saved, whatever the caller says', async () => {
    const store = host({});
    await store.save(metadata, bytes);
    const timestampMs = clock.nowMs();
    expect(await store.load(id, SnapshotCriteria.all)).to.deep.equal({
      metadata: { persistenceId: id, seqNr: 3, timestampMs },
      snapshot: new Uint8Array(bytes),
    });
    expect(store).to.include({ isOptional: true, onlyOne: false });
  });

  it('deletes what a save that failed may have left, with the very metadata', async () => {
    const deleted: SnapshotMetadata[] = [];
    const store = host({
      save: () => Promise.reject(new Error('half written')),
      delete: async (of) => {
        await settle();
        deleted.push(of);
      },
    });
    const error = await failureOf(store.save(metadata, bytes));
    expect(error).to.be.instanceOf(StoreUnavailableError);
    expect(error.message).to.equal('snapshot store my.store failed');
    expect(error.cause).to.include({ message: 'half written' });
    expect(deleted).to.deep.equal([{ ...metadata, timestampMs: clock.nowMs() }]);
  });

  it('gives a load up after the call time, and leaves the store alone when it keeps failing', async () => {
    const store = host({ load: never });
    const loads = [1, 2].map(() => failureOf(store.load(id, SnapshotCriteria.all)));
    await clock.advance(100);
    for (const error of await Promise.all(loads)) {
      expect(error).to.be.instanceOf(StoreUnavailableError);
      expect((error.cause as Error).message).to.match(/my\.store did not answer within call-timeo/);
    }
    for (const call of [
      store.load(id, SnapshotCriteria.all),
      store.save(metadata, bytes),
      store.delete(metadata),
      store.deleteMatching(id, SnapshotCriteria.all),
    ]) {
      expect((await failureOf(call)).message).to.match(
        /circuit breaker of snapshot store my\.store/,
      );
    }
  });

  it('deletes nothing after a save that was not sent', async () => {
    let deletes = 0;
    const store = host({
      load: () => Promise.reject(new Error('away')),
      delete: async () => {
        deletes++;
      },
    });
    for (let i = 0; i < 2; i++) await failureOf(store.load(id, SnapshotCriteria.all));
    await failureOf(store.save(metadata, bytes));
    await settle();
    expect(deletes).to.equal(0);
  });

  it('does not ask the store for what nothing can match', async () => {
    const refuse = () => expect.fail('should not be called');
    const store = host({ load: refuse, deleteMatching: refuse });
    const none = { ...SnapshotCriteria.all, maxSeqNr: 0 };
    expect(await store.load(id, none)).to.equal(undefined);
    await store.deleteMatching(id, none);
    const crossed = { ...SnapshotCriteria.all, minTimestampMs: 2, maxTimestampMs: 1 };
    expect(await store.load(id, crossed)).to.equal(undefined);
  });

  for (const [name, wrong, message] of [
    ['a text', { snapshot: 'text' }, /gave "text", which is no snapshot/],
    ['another entity', { metadata: { ...metadata, persistenceId: 'q' } }, /gave a snapshot of "q"/],
    [
      'another number',
      { metadata: { ...metadata, seqNr: 9 } },
      /of event 9, which was not asked for/,
    ],
  ] as const) {
    it(`takes nothing that was not asked for, and names the store: ${name}`, async () => {
      const stored: unknown = { metadata, snapshot: new Uint8Array(bytes), ...wrong };
      const store = host({ load: async () => stored as StoredSnapshot });
      const error = await failureOf(store.load(id, { ...SnapshotCriteria.all, maxSeqNr: 5 }));
      expect(error).to.be.instanceOf(CodecError);
      expect(error.message)
        .to.match(/^snapshot store my\.store /)
        .and.match(message);
    });
  }

  it('asks for the least that can match, and takes what is at the bounds', async () => {
    const found = { metadata, snapshot: new Uint8Array(bytes) };
    const store = host({ load: async () => found });
    const exact = { minSeqNr: 3, maxSeqNr: 3, minTimestampMs: 1, maxTimestampMs: 1 };
    expect(await store.load(id, exact)).to.equal(found);
    const first = { metadata: { ...metadata, seqNr: SeqNr.min }, snapshot: found.snapshot };
    const other = host({ load: async () => first });
    expect(await other.load(id, { ...exact, minSeqNr: 0, maxSeqNr: 1 })).to.equal(first);
  });

  it('tells a caller who gave up that it did; watches no deadline when it is closed', async () => {
    const over = new AbortController();
    const { signal } = over;
    const giveUp = async (): Promise<never> => {
      over.abort('gave up');
      throw new Error('interrupted');
    };
    const store = host({ load: giveUp, delete: never });
    expect(await failureOf(store.load(id, SnapshotCriteria.all, { signal }))).to.equal('gave up');
    store.delete(metadata).catch(() => {});
    expect(clock.sleeping).to.equal(1);
    await store[Symbol.asyncDispose]();
    await settle();
    expect(clock.sleeping).to.equal(0);
  });

  it('calls the store no more once that is being closed, also for what a late save has left', async () => {
    const called: string[] = [];
    const saving = Promise.withResolvers<void>();
    const store = host({
      save: () => saving.promise,
      delete: async () => void called.push('delete'),
      deleteMatching: async () => void called.push('deleteMatching'),
      [Symbol.asyncDispose]: async () => void called.push('close'),
    });
    const saved = failureOf(store.save(metadata, bytes));
    await store[Symbol.asyncDispose]();
    saving.reject(new Error('half written'));
    expect(await saved).to.be.instanceOf(StoreUnavailableError);
    const late = await failureOf(store.deleteMatching(id, SnapshotCriteria.all));
    expect(late).to.be.instanceOf(ClosedError);
    expect(late.message).to.equal('snapshot store my.store is closed, so nothing was sent');
    expect(called).to.deep.equal(['close']);
  });

  it('names the store of what is no snapshot at all', async () => {
    for (const answer of [null, 7]) {
      const store = host({ load: async () => answer as never });
      const error = await failureOf(store.load(id, SnapshotCriteria.all));
      expect(error).to.be.instanceOf(CodecError);
      expect(error.message).to.equal(
        `snapshot store my.store gave ${answer}, which is no snapshot (id p)`,
      );
    }
  });

  it('waits no longer than allowed for a store to close', async () => {
    const store = host({ [Symbol.asyncDispose]: () => new Promise(() => {}) });
    const closing = failureOf(Promise.resolve(store[Symbol.asyncDispose]()));
    await clock.advance(50);
    expect(await closing).to.include({ code: 'DEADLINE_EXCEEDED' });
  });
});
