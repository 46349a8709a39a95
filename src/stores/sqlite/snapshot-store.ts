import { ClosedError } from '../../model/errors.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type { PersistenceId } from '../../ports/journal-plugin.ts';
import type {
  SnapshotCriteria,
  SnapshotMetadata,
  SnapshotStorePlugin,
  StoredSnapshot,
} from '../../ports/snapshot-store.ts';
import type { Clock } from '../../runtime/clock.ts';
import { SnapshotCalls } from '../snapshot-calls.ts';
import { checkSnapshotSize } from '../snapshot-size.ts';
import { CommitQueue } from './commit-queue.ts';
import { openWhenFree } from './open-file.ts';
import { type Database, readOr, storeFailure } from './session.ts';
import { SnapshotTable } from './tables/snapshot-table.ts';

/**
 * Snapshots in the file of an embedded journal, over a connection of their own. Its transactions
 * begin and end within one turn of the event loop, as those of the journal do, so the two of one
 * process never wait for each other.
 *
 * @param file its path, which is created when missing, or `:memory:`: then they end with the store
 * @throws {InvalidInputError} the file cannot be opened, or is of another program or later version
 * @throws {StoreUnavailableError} another process holds a lock on it
 */
export async function openSqliteSnapshotStore(
  file: string,
  { clock }: { readonly clock: Clock },
): Promise<SnapshotStorePlugin> {
  return new SqliteSnapshotStore(await openWhenFree(file, clock), clock);
}

/** SQLite takes 1,000,000,000 bytes a row; the rest is for what stands beside the snapshot. */
const limit = { store: 'SQLite', bytes: 999_000_000 } as const;

const nobody = { begin() {}, flush() {}, committed() {}, rolledBack() {} };

class SqliteSnapshotStore implements SnapshotStorePlugin {
  readonly #database: Database;
  readonly #table: SnapshotTable;
  readonly #queue: CommitQueue;
  readonly #calls = new SnapshotCalls();
  #closing: Promise<void> | undefined;

  constructor(database: Database, clock: Clock) {
    this.#database = database;
    this.#table = new SnapshotTable(database);
    this.#queue = new CommitQueue(database, { participant: nobody, clock });
  }

  load(
    id: PersistenceId,
    criteria: SnapshotCriteria,
    options?: CallOptions,
  ): Promise<StoredSnapshot | undefined> {
    return this.#calls.run(options, async () =>
      readOr(storeFailure, `read the snapshots of ${id}`, () => this.#table.load(id, criteria)),
    );
  }

  async save(
    metadata: SnapshotMetadata,
    snapshot: Uint8Array,
    options?: CallOptions,
  ): Promise<void> {
    checkSnapshotSize(metadata, snapshot, limit);
    await this.#write(`save a snapshot of ${metadata.persistenceId}`, options, () =>
      this.#table.save(metadata, snapshot),
    );
  }

  delete(metadata: SnapshotMetadata, options?: CallOptions): Promise<void> {
    return this.#write(`delete a snapshot of ${metadata.persistenceId}`, options, () =>
      this.#table.remove(metadata),
    );
  }

  deleteMatching(
    id: PersistenceId,
    criteria: SnapshotCriteria,
    options?: CallOptions,
  ): Promise<void> {
    return this.#write(`delete snapshots of ${id}`, options, () =>
      this.#table.removeMatching(id, criteria),
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#calls.close();
    this.#queue.close(new ClosedError('the snapshot store is closed'));
    this.#database.close();
  }

  #write(what: string, options: CallOptions | undefined, write: () => void): Promise<void> {
    return this.#calls.run(options, async () => {
      try {
        await this.#queue.write(write);
      } catch (error) {
        throw storeFailure(error, what);
      }
    });
  }
}
