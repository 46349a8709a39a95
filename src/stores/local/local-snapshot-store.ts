import { mkdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { CodecError, InvalidInputError, StoreUnavailableError } from '../../model/errors.ts';
import type { Logger } from '../../observability/logger.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type { PersistenceId } from '../../ports/journal-plugin.ts';
import type {
  SnapshotCriteria,
  SnapshotMetadata,
  SnapshotStorePlugin,
  StoredSnapshot,
} from '../../ports/snapshot-store.ts';
import { SnapshotCalls } from '../snapshot-calls.ts';
import { isOfAnyTime, meetsNumbers, meetsTimes } from '../snapshot-criteria.ts';
import { checkSnapshotSize } from '../snapshot-size.ts';
import { decodeSnapshotFile, encodeSnapshotFile } from './snapshot-file-codec.ts';
import { reachDisk, type SnapshotFile, SnapshotFolder } from './snapshot-folder.ts';

/** Of the section of the store. */
export interface LocalSnapshotSettings {
  /** The folder, relative to the working directory; made when missing. */
  readonly dir: string;
  /** Damaged files in a row after which a load fails; at least 1. */
  readonly maxLoadAttempts: number;
}

/**
 * Snapshots in files of this host, one each.
 *
 * @throws {InvalidInputError} the folder cannot be made
 */
export async function openLocalSnapshotStore(
  { dir, maxLoadAttempts }: LocalSnapshotSettings,
  { log }: { readonly log: Logger },
): Promise<SnapshotStorePlugin> {
  const folder = resolve(dir);
  try {
    await mkdir(folder, { recursive: true });
    await reachDisk(dirname(folder));
  } catch (cause) {
    throw new InvalidInputError(`cannot use ${folder} as the folder of snapshots`, { cause });
  }
  return new LocalSnapshotStore(folder, maxLoadAttempts, log);
}

/** Node reads files of at most 2^31-1 bytes; the rest is for what stands around the snapshot. */
const limit = { store: 'a file', bytes: 2 ** 31 - 1 - 1024 * 1024 } as const;

class LocalSnapshotStore implements SnapshotStorePlugin {
  readonly #dir: string;
  readonly #maxLoadAttempts: number;
  readonly #log: Logger;
  readonly #calls = new SnapshotCalls();
  /** By entity: its last write. A save that was given up must not come after a later delete. */
  readonly #writing = new Map<PersistenceId, Promise<void>>();

  constructor(dir: string, maxLoadAttempts: number, log: Logger) {
    this.#dir = dir;
    this.#maxLoadAttempts = maxLoadAttempts;
    this.#log = log;
  }

  load(
    id: PersistenceId,
    criteria: SnapshotCriteria,
    options?: CallOptions,
  ): Promise<StoredSnapshot | undefined> {
    return this.#calls.run(options, () =>
      reaching(`read the snapshots of ${id} in ${this.#dir}`, () => this.#load(id, criteria)),
    );
  }

  async save(
    metadata: SnapshotMetadata,
    snapshot: Uint8Array,
    options?: CallOptions,
  ): Promise<void> {
    const { persistenceId: id, seqNr } = metadata;
    checkSnapshotSize(metadata, snapshot, limit);
    const bytes = encodeSnapshotFile({ metadata, snapshot });
    await this.#write(id, options, (folder) => folder.write(seqNr, bytes, options?.signal));
  }

  delete(metadata: SnapshotMetadata, options?: CallOptions): Promise<void> {
    const { persistenceId: id, seqNr, timestampMs } = metadata;
    return this.#write(id, options, async (folder) => {
      const path = folder.pathOf(seqNr);
      const isMeant = timestampMs === 0 || (await this.#timeOf(folder, path)) === timestampMs;
      await folder.remove(isMeant ? [path] : []);
    });
  }

  deleteMatching(
    id: PersistenceId,
    criteria: SnapshotCriteria,
    options?: CallOptions,
  ): Promise<void> {
    return this.#write(id, options, async (folder) => {
      const paths: string[] = [];
      for (const file of await folder.list()) {
        if (await this.#isMeant(folder, file, criteria)) paths.push(file.path);
      }
      await folder.remove(paths);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#calls.close();
  }

  async #load(id: PersistenceId, criteria: SnapshotCriteria): Promise<StoredSnapshot | undefined> {
    const folder = new SnapshotFolder(this.#dir, id);
    const failures: unknown[] = [];
    for (const file of await folder.list()) {
      if (!meetsNumbers(file.seqNr, criteria)) continue;
      try {
        const stored = await this.#read(folder, file, id);
        if (stored && meetsTimes(stored.metadata.timestampMs, criteria)) return stored;
      } catch (err) {
        if (!(err instanceof CodecError)) throw err;
        const { path } = file;
        this.#log.warn({ path, err }, `the snapshot in ${path} is damaged and left out`);
        failures.push(err);
        if (failures.length === this.#maxLoadAttempts) break;
      }
    }
    if (failures.length === 0) return undefined;
    throw new CodecError(`no snapshot can be read, damaged files: ${failures.length}`, {
      cause: failures[0],
      place: { id },
    });
  }

  /** @throws {CodecError} the file is damaged, or in another's place */
  async #read(
    folder: SnapshotFolder,
    { seqNr, path }: SnapshotFile,
    id: PersistenceId,
  ): Promise<StoredSnapshot | undefined> {
    const bytes = await folder.read(path);
    if (bytes === undefined) return undefined;
    const place = { id, seqNr };
    try {
      const stored = decodeSnapshotFile(bytes);
      if (stored.metadata.persistenceId === id && stored.metadata.seqNr === seqNr) return stored;
    } catch (cause) {
      throw new CodecError(`${path} cannot be decoded`, { cause, place });
    }
    throw new CodecError(`${path} holds another snapshot than its name says`, { place });
  }

  /** A damaged file is meant only where its time does not matter. */
  async #isMeant(
    folder: SnapshotFolder,
    { seqNr, path }: SnapshotFile,
    criteria: SnapshotCriteria,
  ): Promise<boolean> {
    if (!meetsNumbers(seqNr, criteria)) return false;
    if (isOfAnyTime(criteria)) return true;
    const timestampMs = await this.#timeOf(folder, path);
    return timestampMs !== undefined && meetsTimes(timestampMs, criteria);
  }

  /** When a snapshot was saved; `undefined` = no file says so. */
  async #timeOf(folder: SnapshotFolder, path: string): Promise<number | undefined> {
    const bytes = await folder.read(path);
    try {
      return bytes && decodeSnapshotFile(bytes).metadata.timestampMs;
    } catch (err) {
      this.#log.warn({ path, err }, `the snapshot in ${path} is damaged and stays`);
      return undefined;
    }
  }

  #write(
    id: PersistenceId,
    options: CallOptions | undefined,
    work: (folder: SnapshotFolder) => Promise<void>,
  ): Promise<void> {
    const turn = async (): Promise<void> => {
      options?.signal?.throwIfAborted();
      const folder = new SnapshotFolder(this.#dir, id);
      await reaching(`write the snapshots of ${id} in ${this.#dir}`, async () => {
        await folder.removeLeftovers();
        await work(folder);
      });
    };
    return this.#calls.run(options, () => this.#inTurn(id, turn));
  }

  #inTurn(id: PersistenceId, turn: () => Promise<void>): Promise<void> {
    const before = this.#writing.get(id) ?? Promise.resolve();
    const writing = before.then(turn, turn);
    this.#writing.set(id, writing);
    const forget = (): void => {
      if (this.#writing.get(id) === writing) this.#writing.delete(id);
    };
    writing.then(forget, forget);
    return writing;
  }
}

/** @throws {StoreUnavailableError} the file system refuses; `what` completes "cannot …" */
async function reaching<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isOfSystem = typeof (error as { syscall?: unknown }).syscall === 'string';
    throw isOfSystem ? new StoreUnavailableError(`cannot ${what}`, { cause: error }) : error;
  }
}
