import { copyFile, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import {
  CodecError,
  InvalidInputError,
  StoreUnavailableError,
} from '../../../../src/model/errors.ts';
import {
  SnapshotCriteria,
  type SnapshotStorePlugin,
} from '../../../../src/ports/snapshot-store.ts';
import { openLocalSnapshotStore } from '../../../../src/stores/local/local-snapshot-store.ts';
import {
  decodeSnapshotFile,
  encodeSnapshotFile,
} from '../../../../src/stores/local/snapshot-file-codec.ts';
import { SnapshotFolder } from '../../../../src/stores/local/snapshot-folder.ts';
import {
  bytesOf,
  criteria,
  failureOf,
  loaded,
  metadataOf,
  newId,
} from '../../../contract/snapshot-store.contract.ts';
import { RecordingLogger } from '../../../support/recording-logger.ts';
import { temporaryFile } from '../sqlite/temporary-file.ts';

describe('snapshots in local files', () => {
  const id = newId();
  let temporary: Awaited<ReturnType<typeof temporaryFile>>;
  let dir: string;
  let log: RecordingLogger;
  let store: SnapshotStorePlugin;

  beforeEach(async () => {
    temporary = await temporaryFile();
    dir = join(dirname(temporary.file), 'deep/snapshots');
    log = new RecordingLogger();
    store = await openLocalSnapshotStore({ dir, maxLoadAttempts: 3 }, { log });
    for (const seqNr of [1, 2, 3, 4]) {
      await store.save(metadataOf(id, seqNr, seqNr * 100), bytesOf(`s-${seqNr}`));
    }
  });

  afterEach(async () => {
    await store[Symbol.asyncDispose]();
    await temporary[Symbol.asyncDispose]();
  });

  const pathOf = (seqNr: number): string => new SnapshotFolder(dir, id).pathOf(seqNr);
  const damage = (...numbers: readonly number[]) =>
    Promise.all(numbers.map((seqNr) => truncate(pathOf(seqNr), 30)));

  it('that are damaged are left out, with a warning that names the file', async () => {
    await damage(4, 3);
    expect(await loaded(store, id)).to.deep.equal([2, 's-2']);
    expect(log.lines.map(({ level, message }) => `${level} ${message}`)).to.deep.equal([
      `warn the snapshot in ${pathOf(4)} is damaged and left out`,
      `warn the snapshot in ${pathOf(3)} is damaged and left out`,
    ]);
  });

  it('fail to load after max-load-attempts damaged ones: more may be wrong than a file', async () => {
    await damage(4, 3, 2);
    const error = await failureOf(store.load(id, SnapshotCriteria.all));
    expect(error).to.be.instanceOf(CodecError);
    expect((error as CodecError).place).to.deep.equal({ id });
    expect(((error as CodecError).cause as Error).message).to.include(pathOf(4));
    expect(await loaded(store, id, { maxSeqNr: 3 })).to.deep.equal([1, 's-1']);
    await using patient = await openLocalSnapshotStore({ dir, maxLoadAttempts: 4 }, { log });
    expect(await loaded(patient, id)).to.deep.equal([1, 's-1']);
  });

  it('fail to load when all there are are damaged', async () => {
    await damage(1);
    const error = await failureOf(store.load(id, criteria({ maxSeqNr: 1 })));
    expect(error).to.be.instanceOf(CodecError);
  });

  it('of another number, or of another entity, are not taken for this one', async () => {
    await copyFile(pathOf(1), pathOf(5));
    const other = newId();
    await store.save(metadataOf(other, 6, 1), bytesOf('other'));
    await copyFile(new SnapshotFolder(dir, other).pathOf(6), pathOf(6));
    expect(await loaded(store, id)).to.deep.equal([4, 's-4']);
    expect(log.lines).to.have.length(2);
  });

  it('that are damaged are deleted by number; by time only if the time does not matter', async () => {
    await damage(2, 3);
    const left = async () => (await new SnapshotFolder(dir, id).list()).map(({ seqNr }) => seqNr);
    await store.deleteMatching(id, criteria({ maxTimestampMs: 300 }));
    expect(await left()).to.deep.equal([4, 3, 2]);
    await store.delete(metadataOf(id, 3, 300));
    expect(await left()).to.deep.equal([4, 3, 2]);
    await store.delete(metadataOf(id, 3, 0));
    expect(await left()).to.deep.equal([4, 2]);
    await store.deleteMatching(id, criteria({ maxSeqNr: 2 }));
    expect(await left()).to.deep.equal([4]);
  });

  it('leave no folder when all are deleted, and use none but their own', async () => {
    expect(await readdir(dir)).to.have.length(1);
    await store.deleteMatching(id, SnapshotCriteria.all);
    expect(await readdir(dir)).to.deep.equal([]);
    await Promise.all([
      store.save(metadataOf(id, 5, 1), bytesOf('a')),
      store.deleteMatching(id, SnapshotCriteria.all),
      store.save(metadataOf(id, 6, 1), bytesOf('b')),
    ]);
    expect(await loaded(store, id)).to.deep.equal([6, 'b']);
  });

  it('of processes that make and remove the same folder are saved all the same', async () => {
    await using other = await openLocalSnapshotStore({ dir, maxLoadAttempts: 3 }, { log });
    const one = newId();
    const failures: unknown[] = [];
    const work = async (its: SnapshotStorePlugin, seqNr: number): Promise<void> => {
      for (let round = 0; round < 50; round++) {
        const saving = its.save(metadataOf(one, seqNr, 1), bytesOf('x'));
        const failure = await failureOf(saving);
        if (failure !== undefined) failures.push(failure);
        await its.deleteMatching(one, criteria({ minSeqNr: seqNr, maxSeqNr: seqNr }));
      }
    };
    await Promise.all([work(store, 1), work(other, 2)]);
    // One may remove what the other has not finished: that is an error to try again after.
    for (const failure of failures) expect(failure).to.be.instanceOf(StoreUnavailableError);
    await store.save(metadataOf(one, 3, 1), bytesOf('last'));
    expect(await loaded(other, one)).to.deep.equal([3, 'last']);
  });

  it('need a folder: a file in its place is refused at the start', async () => {
    await writeFile(temporary.file, 'x');
    const opening = openLocalSnapshotStore({ dir: temporary.file, maxLoadAttempts: 3 }, { log });
    const error = await failureOf(opening);
    expect(error).to.be.instanceOf(InvalidInputError);
    expect((error as Error).message).to.include(temporary.file);
  });

  it('that the file system does not give are an error, not damage', async () => {
    const other = newId();
    await writeFile(dirname(new SnapshotFolder(dir, other).pathOf(1)), 'a file');
    for (const call of [
      store.load(other, SnapshotCriteria.all),
      store.save(metadataOf(other, 1, 1), bytesOf('x')),
      store.delete(metadataOf(other, 1, 0)),
      store.deleteMatching(other, SnapshotCriteria.all),
    ]) {
      expect(await failureOf(call)).to.be.instanceOf(StoreUnavailableError);
    }
    expect(log.lines).to.deep.equal([]);
  });

  describe('have a file', () => {
    const metadata = metadataOf(newId('\u{1f600}/'), 2 ** 53 - 1, 1_700_000_000_000);
    const file = encodeSnapshotFile({ metadata, snapshot: bytesOf('the snapshot') });

    it('that is what docs/format.md says', async () => {
      const small = { persistenceId: 'a' as typeof id, seqNr: metadataOf(id, 7, 0).seqNr };
      const bytes = encodeSnapshotFile({
        metadata: { ...small, timestampMs: 258 },
        snapshot: Uint8Array.of(9, 8),
      });
      expect(bytes.subarray(0, -32).toString('hex')).to.equal(
        `4b4a5301${'0000000000000007'}${'0000000000000102'}${'00000001'}61${'00000002'}0908`,
      );
      expect(bytes.subarray(-32).toString('hex')).to.equal(
        // sha256sum of the above
        'ef08069befe0056466813e0b305432b8196f2c37843fc2c9179e0ee63cd581ea',
      );
      expect(await readFile(pathOf(1))).to.deep.equal(
        encodeSnapshotFile({ metadata: metadataOf(id, 1, 100), snapshot: bytesOf('s-1') }),
      );
    });

    it('that gives back what it was made from', () => {
      const decoded = decodeSnapshotFile(file);
      expect(decoded.metadata).to.deep.equal(metadata);
      expect(Buffer.from(decoded.snapshot).toString()).to.equal('the snapshot');
    });

    it('that is recognised as damaged wherever it is cut', () => {
      for (let length = 0; length < file.length; length++) {
        expect(() => decodeSnapshotFile(file.subarray(0, length)), `${length}`).to.throw(
          CodecError,
        );
      }
    });

    it('that is recognised as damaged whichever bit is wrong', () => {
      for (let bit = 0; bit < file.length * 8; bit++) {
        const damaged = Buffer.from(file);
        damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(() => decodeSnapshotFile(damaged), `${bit}`).to.throw(CodecError);
      }
    });
  });
});
