import { randomBytes, randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { ClosedError, JournalError } from '../../src/model/errors.ts';
import { SeqNr } from '../../src/model/seq-nr.ts';
import type { PersistenceId } from '../../src/ports/journal-plugin.ts';
import {
  SnapshotCriteria,
  type SnapshotMetadata,
  type SnapshotStorePlugin,
} from '../../src/ports/snapshot-store.ts';
import { nextTurn } from '../../src/runtime/waiting.ts';

/** A store, open, and what a test may do to it from outside. */
export interface OpenedSnapshotStore extends AsyncDisposable {
  readonly store: SnapshotStorePlugin;
  /** Another store on the same data, which the caller disposes. Absent = no other can. */
  readonly another?: () => Promise<SnapshotStorePlugin>;
  /** Makes a snapshot unreadable, until what it resolves with is called. Absent = nothing can. */
  readonly damage?: (metadata: SnapshotMetadata) => Promise<() => Promise<unknown>>;
}

/** An id that no other test uses. */
export function newId(beginning = 'p'): PersistenceId {
  return `${beginning}-${randomUUID()}` as PersistenceId;
}

export function metadataOf(id: PersistenceId, seqNr: number, timestampMs: number) {
  return { persistenceId: id, seqNr: SeqNr.of(seqNr), timestampMs } as const;
}

export function criteria(change: Partial<SnapshotCriteria>): SnapshotCriteria {
  return { ...SnapshotCriteria.all, ...change };
}

export const bytesOf = (text: string): Buffer => Buffer.from(text, 'utf8');

/** The snapshot that is loaded, as its number and its text. */
export async function loaded(
  store: SnapshotStorePlugin,
  id: PersistenceId,
  change: Partial<SnapshotCriteria> = {},
): Promise<readonly [seqNr: number, text: string] | undefined> {
  const stored = await store.load(id, criteria(change));
  if (stored === undefined) return undefined;
  expect(stored.metadata.persistenceId).to.equal(id);
  return [stored.metadata.seqNr, Buffer.from(stored.snapshot).toString('utf8')];
}

/** What a call failed with. */
export async function failureOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** What every snapshot store does, as `src/ports/snapshot-store.ts` says it. */
export function snapshotStoreContract(
  name: string,
  open: () => Promise<OpenedSnapshotStore>,
): void {
  describe(`the snapshot store ${name}`, () => {
    let opened: OpenedSnapshotStore;
    let store: SnapshotStorePlugin;
    before(async () => {
      opened = await open();
      ({ store } = opened);
    });
    after(() => opened[Symbol.asyncDispose]());

    describe('with the snapshots 11 to 15 of an entity', () => {
      let id: PersistenceId;
      /** By number: when it was saved. */
      const savedAt = (seqNr: number): number => 1_700_000_000_000 + seqNr * 10;
      beforeEach(async () => {
        id = newId();
        for (const seqNr of [11, 12, 13, 14, 15]) {
          const metadata = metadataOf(id, seqNr, savedAt(seqNr));
          await store.save(metadata, bytesOf(`s-${seqNr - 10}`));
        }
      });

      it('has none of another id', async () => {
        expect(await loaded(store, newId('invalid'))).to.equal(undefined);
      });

      it('has none that was saved by a time before the first', async () => {
        expect(await loaded(store, id, { maxTimestampMs: 100 })).to.equal(undefined);
      });

      it('has none up to a number before the first', async () => {
        expect(await loaded(store, id, { maxSeqNr: 7 })).to.equal(undefined);
      });

      it('gives the one with the highest number, with its time', async () => {
        expect(await loaded(store, id)).to.deep.equal([15, 's-5']);
        const stored = await store.load(id, SnapshotCriteria.all);
        expect(stored?.metadata).to.deep.equal(metadataOf(id, 15, savedAt(15)));
      });

      it('gives the highest up to a number, inclusive', async () => {
        expect(await loaded(store, id, { maxSeqNr: 13 })).to.deep.equal([13, 's-3']);
      });

      it('gives the highest up to a number and a time, both inclusive', async () => {
        const both = { maxSeqNr: 13, maxTimestampMs: savedAt(13) };
        expect(await loaded(store, id, both)).to.deep.equal([13, 's-3']);
        const time = { maxTimestampMs: savedAt(13) };
        expect(await loaded(store, id, time)).to.deep.equal([13, 's-3']);
        const before = { maxTimestampMs: savedAt(13) - 1 };
        expect(await loaded(store, id, before)).to.deep.equal([12, 's-2']);
      });

      it('looks at the lower bounds as well, both inclusive', async () => {
        const bounds = (minSeqNr: number, minTimestampMs: number) => ({ minSeqNr, minTimestampMs });
        expect(await loaded(store, id, bounds(15, savedAt(15)))).to.deep.equal([15, 's-5']);
        expect(await loaded(store, id, bounds(16, 0))).to.equal(undefined);
        expect(await loaded(store, id, bounds(0, savedAt(15) + 1))).to.equal(undefined);
        const window = { ...bounds(12, savedAt(12)), maxSeqNr: 13, maxTimestampMs: savedAt(14) };
        expect(await loaded(store, id, window)).to.deep.equal([13, 's-3']);
        const apart = { minSeqNr: 14, maxTimestampMs: savedAt(13) };
        expect(await loaded(store, id, apart)).to.equal(undefined);
      });

      it('deletes one, whenever it was saved', async () => {
        await store.delete(metadataOf(id, 13, 0));
        expect(await loaded(store, id, { maxSeqNr: 13 })).to.deep.equal([12, 's-2']);
        expect(await loaded(store, id)).to.deep.equal([15, 's-5']);
      });

      it('deletes the one that was saved at a time, and no other', async () => {
        await store.delete(metadataOf(id, 13, savedAt(13) + 1));
        expect(await loaded(store, id, { maxSeqNr: 13 })).to.deep.equal([13, 's-3']);
        await store.delete(metadataOf(id, 13, savedAt(13)));
        expect(await loaded(store, id, { maxSeqNr: 13 })).to.deep.equal([12, 's-2']);
      });

      it('deletes what is not there', async () => {
        await store.delete(metadataOf(id, 1, 0));
        await store.delete(metadataOf(id, 1, 5));
        await store.delete(metadataOf(newId(), 1, 0));
        await store.deleteMatching(newId(), SnapshotCriteria.all);
        await store.deleteMatching(id, criteria({ maxSeqNr: 10 }));
        await store.deleteMatching(id, criteria({ minTimestampMs: savedAt(15) + 1 }));
        expect(await loaded(store, id)).to.deep.equal([15, 's-5']);
        expect(await loaded(store, id, { maxSeqNr: 11 })).to.deep.equal([11, 's-1']);
      });

      it('deletes all that meet the criteria', async () => {
        const bound = { maxSeqNr: 13, maxTimestampMs: savedAt(13) };
        await store.deleteMatching(id, criteria(bound));
        expect(await loaded(store, id, bound)).to.equal(undefined);
        const next = { maxSeqNr: 14, maxTimestampMs: savedAt(14) };
        expect(await loaded(store, id, next)).to.deep.equal([14, 's-4']);
      });

      it('deletes none that was saved after the time', async () => {
        const bound = { maxSeqNr: 14, maxTimestampMs: savedAt(14) - 1 };
        await store.deleteMatching(id, criteria(bound));
        expect(await loaded(store, id, { maxSeqNr: 14 })).to.deep.equal([14, 's-4']);
        expect(await loaded(store, id, { maxSeqNr: 13 })).to.equal(undefined);
      });

      it('deletes by numbers alone, and everything', async () => {
        await store.deleteMatching(id, criteria({ minSeqNr: 12, maxSeqNr: 14 }));
        expect(await loaded(store, id, { maxSeqNr: 14 })).to.deep.equal([11, 's-1']);
        await store.deleteMatching(id, SnapshotCriteria.all);
        expect(await loaded(store, id)).to.equal(undefined);
        await store.save(metadataOf(id, 12, 5), bytesOf('again'));
        expect(await loaded(store, id)).to.deep.equal([12, 'again']);
      });

      it('replaces the one with the same number, with its time', async () => {
        await store.save(metadataOf(id, 15, savedAt(15) + 3), bytesOf('s-5-modified'));
        expect(await loaded(store, id, { maxSeqNr: 15 })).to.deep.equal([15, 's-5-modified']);
        const stored = await store.load(id, SnapshotCriteria.all);
        expect(stored?.metadata.timestampMs).to.equal(savedAt(15) + 3);
        await store.delete(metadataOf(id, 15, savedAt(15)));
        expect(await loaded(store, id)).to.deep.equal([15, 's-5-modified']);
        await store.delete(metadataOf(id, 15, 0));
        expect(await loaded(store, id)).to.deep.equal([14, 's-4']);
      });

      it('keeps those of another entity', async () => {
        const other = `${id}5` as PersistenceId;
        await store.save(metadataOf(other, 11, 1), bytesOf('other'));
        await store.deleteMatching(id, SnapshotCriteria.all);
        expect(await loaded(store, other)).to.deep.equal([11, 'other']);
      });
    });

    it('gives back what it was given, from no bytes to megabytes', async () => {
      const id = newId();
      const sizes = [0, 1, 10_000, 1_048_576, 5_000_000];
      for (const [index, size] of sizes.entries()) {
        const snapshot = randomBytes(size);
        await store.save(metadataOf(id, index + 100, 1), snapshot);
        const stored = await store.load(id, SnapshotCriteria.all);
        expect(stored?.metadata.seqNr).to.equal(index + 100);
        expect(snapshot.equals(stored?.snapshot ?? bytesOf('none')), `${size}`).to.equal(true);
      }
      await store.deleteMatching(id, SnapshotCriteria.all);
    }).timeout(30_000);

    it('holds every byte, every number and every time', async () => {
      const id = newId();
      const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
      // The greatest number of an event, and the greatest time.
      const last = Number.MAX_SAFE_INTEGER - 1;
      for (const [seqNr, timestampMs] of [
        [1, 0],
        [2, 1],
        [2 ** 31, 8.64e15],
        [last, Number.MAX_SAFE_INTEGER],
      ] as const) {
        const metadata = metadataOf(id, seqNr, timestampMs);
        await store.save(metadata, new Uint8Array(all));
        const stored = await store.load(id, SnapshotCriteria.all);
        expect(stored?.metadata).to.deep.equal(metadata);
        expect(all.equals(stored?.snapshot ?? bytesOf(''))).to.equal(true);
      }
      await store.delete(metadataOf(id, last, Number.MAX_SAFE_INTEGER));
      expect((await store.load(id, SnapshotCriteria.all))?.metadata.seqNr).to.equal(2 ** 31);
    });

    it('takes a part of a larger array for what it is', async () => {
      const id = newId();
      const part = bytesOf('before snapshot after').subarray(7, 15);
      await store.save(metadataOf(id, 1, 1), part);
      expect(await loaded(store, id)).to.deep.equal([1, 'snapshot']);
    });

    it('tells ids apart, whatever they are', async () => {
      const run = randomUUID();
      const plain = ['a', 'A', ' a', 'a ', 'a|b', '%', "a'b", 'a"b', 'con', 'a:b', 'a*?<>', '\n'];
      const paths = ['a/b', 'a\\b', '../a', '..', '.', 'a%2Fb'];
      const unicode = ['é', 'e\u0301', '\u{1f600}', '日本', '\0', 'a\0', '\\0'];
      const long = ['x'.repeat(500), `${'x'.repeat(499)}y`, '\u{1f600}'.repeat(250)];
      const texts = [plain, paths, unicode, long].flat();
      const ids = texts.map((text) => `${text}${run}` as PersistenceId);
      for (const [index, id] of ids.entries()) {
        await store.save(metadataOf(id, index + 1, 1), bytesOf(`snapshot of ${index}`));
      }
      for (const [index, id] of ids.entries()) {
        expect(await loaded(store, id), id).to.deep.equal([index + 1, `snapshot of ${index}`]);
      }
      for (const id of ids) await store.deleteMatching(id, SnapshotCriteria.all);
      for (const id of ids) expect(await loaded(store, id), id).to.equal(undefined);
    }).timeout(20_000);

    it('ends a call with the reason of its signal, and does nothing when it had fired before', async () => {
      const id = newId();
      await store.save(metadataOf(id, 1, 1), bytesOf('one'));
      const reason = new Error('enough');
      const options = { signal: AbortSignal.abort(reason) };
      for (const call of [
        () => store.load(id, SnapshotCriteria.all, options),
        () => store.save(metadataOf(id, 2, 1), bytesOf('two'), options),
        () => store.delete(metadataOf(id, 1, 0), options),
        () => store.deleteMatching(id, SnapshotCriteria.all, options),
      ]) {
        expect(await failureOf(call())).to.equal(reason);
      }
      expect(await loaded(store, id)).to.deep.equal([1, 'one']);
    });

    it('has the old one or the new one, whole, after a save that was given up', async () => {
      const id = newId();
      const size = 2_000_000;
      await store.save(metadataOf(id, 1, 1), Buffer.alloc(size, 1));
      for (let attempt = 2; attempt < 12; attempt++) {
        const giveUp = new AbortController();
        const saving = failureOf(
          store.save(metadataOf(id, 1, attempt), Buffer.alloc(size, attempt), giveUp),
        );
        for (let turn = 2; turn < attempt; turn++) await nextTurn();
        giveUp.abort(new Error('given up'));
        await saving;
        const stored = await store.load(id, SnapshotCriteria.all);
        const bytes = stored?.snapshot ?? new Uint8Array();
        const whole = Buffer.alloc(size, stored?.metadata.timestampMs);
        expect(whole.equals(bytes)).to.equal(true);
      }
    }).timeout(30_000);

    it('fails to load what cannot be read, and does not call it none', async () => {
      if (opened.damage === undefined) return;
      const id = newId();
      const metadata = metadataOf(id, 7, 1);
      await store.save(metadata, bytesOf('seven'));
      const repair = await opened.damage(metadata);
      const error = await failureOf(store.load(id, SnapshotCriteria.all));
      await repair();
      expect(error).to.be.instanceOf(JournalError);
      await store.deleteMatching(id, SnapshotCriteria.all);
      expect(await loaded(store, id)).to.equal(undefined);
    });

    it('keeps what was saved beyond its end, for another one as well', async () => {
      if (opened.another === undefined) return;
      const id = newId();
      const first = await opened.another();
      await first.save(metadataOf(id, 1, 1), bytesOf('one'));
      expect(await loaded(store, id)).to.deep.equal([1, 'one']);
      await first[Symbol.asyncDispose]();
      await using second = await opened.another();
      expect(await loaded(second, id)).to.deep.equal([1, 'one']);
      await second.deleteMatching(id, SnapshotCriteria.all);
      expect(await loaded(store, id)).to.equal(undefined);
    });

    it('lets calls under way end when it is closed, and refuses later ones', async () => {
      const other = opened.another === undefined ? await open() : undefined;
      const closing = other?.store ?? ((await opened.another?.()) as SnapshotStorePlugin);
      const id = newId();
      const saving = [1, 2, 3].map((seqNr) =>
        closing.save(metadataOf(id, seqNr, 1), Buffer.alloc(100_000, seqNr)),
      );
      const loading = closing.load(id, SnapshotCriteria.all);
      await closing[Symbol.asyncDispose]();
      await closing[Symbol.asyncDispose]();
      await Promise.all([...saving, loading]);
      for (const call of [
        () => closing.load(id, SnapshotCriteria.all),
        () => closing.save(metadataOf(id, 4, 1), bytesOf('four')),
        () => closing.delete(metadataOf(id, 1, 0)),
        () => closing.deleteMatching(id, SnapshotCriteria.all),
      ]) {
        expect(await failureOf(call())).to.be.instanceOf(ClosedError);
      }
      if (opened.another !== undefined) expect((await loaded(store, id))?.[0]).to.equal(3);
      await other?.[Symbol.asyncDispose]();
    });
  });
}
