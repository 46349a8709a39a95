import { constants } from 'node:buffer';
import type { PostgresSettings } from '../../config/settings/postgres-settings.ts';
import type { SeqNr } from '../../model/seq-nr.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type { PersistenceId } from '../../ports/journal-plugin.ts';
import type {
  SnapshotCriteria,
  SnapshotMetadata,
  SnapshotStorePlugin,
  StoredSnapshot,
} from '../../ports/snapshot-store.ts';
import { SnapshotCalls } from '../snapshot-calls.ts';
import { checkSnapshotSize } from '../snapshot-size.ts';
import { checkRights, checkSnapshotsTable } from './schema/check-schema.ts';
import {
  openPostgresSession,
  type Params,
  type PostgresDeps,
  type PostgresSession,
  type Statement,
} from './session.ts';
import { type SnapshotCells, snapshotStatements } from './tables/snapshot-table.ts';
import { toStoredText } from './tables/stored-text.ts';

/**
 * Connects, and looks whether the table is there and the user has all rights on it: SELECT, INSERT,
 * UPDATE and DELETE. It needs no others, and creates nothing.
 *
 * @throws {StoreUnavailableError} retryable
 * @throws {AccessDeniedError} names every right that is missing
 * @throws {NotSetUpError} names the schema or the table that is missing
 * @throws the abort reason when `options.signal` fires
 */
export async function openPostgresSnapshotStore(
  settings: PostgresSettings,
  deps: PostgresDeps,
  options?: CallOptions,
): Promise<SnapshotStorePlugin> {
  const { name } = settings.schema;
  const session = await openPostgresSession(settings, deps, options);
  try {
    await checkSnapshotsTable(session, name, options);
    await checkRights(session, name, { ...options, tables: ['snapshots'] });
    const store = new PostgresSnapshotStore(session, snapshotStatements(`"${name}"`));
    await store.proveReading(options);
    return store;
  } catch (error) {
    await session[Symbol.asyncDispose]();
    throw error;
  }
}

/** The driver reads bytes as a text of two digits each, which has to fit into a string. */
const limit = {
  store: 'PostgreSQL',
  bytes: Math.floor((constants.MAX_STRING_LENGTH - '\\x'.length) / 2),
} as const;

/** A snapshot is one row, and each write one statement, a transaction of its own. */
class PostgresSnapshotStore implements SnapshotStorePlugin {
  readonly #session: PostgresSession;
  readonly #statements: ReturnType<typeof snapshotStatements>;
  readonly #calls = new SnapshotCalls();

  constructor(session: PostgresSession, statements: ReturnType<typeof snapshotStatements>) {
    this.#session = session;
    this.#statements = statements;
  }

  /** The catalogue does not say whether the user may use the schema. */
  async proveReading(options?: CallOptions): Promise<void> {
    await this.#session.read(this.#statements.load, ['', 0, 0, 0, 0], options);
  }

  load(
    id: PersistenceId,
    criteria: SnapshotCriteria,
    options?: CallOptions,
  ): Promise<StoredSnapshot | undefined> {
    return this.#calls.run(options, async () => {
      const params = [toStoredText(id), ...boundsOf(criteria)];
      const { load } = this.#statements;
      const [row] = await this.#session.read<SnapshotCells>(load, params, options);
      if (row === undefined) return undefined;
      const [seqNr, timestampMs, snapshot] = row;
      return { metadata: { persistenceId: id, seqNr: seqNr as SeqNr, timestampMs }, snapshot };
    });
  }

  async save(
    metadata: SnapshotMetadata,
    snapshot: Uint8Array,
    options?: CallOptions,
  ): Promise<void> {
    const { persistenceId, seqNr, timestampMs } = metadata;
    const row = [toStoredText(persistenceId), seqNr, timestampMs, snapshot];
    checkSnapshotSize(metadata, snapshot, limit);
    await this.#write(this.#statements.save, row, options);
  }

  delete(metadata: SnapshotMetadata, options?: CallOptions): Promise<void> {
    const { persistenceId, seqNr, timestampMs } = metadata;
    const params = [toStoredText(persistenceId), seqNr, timestampMs];
    return this.#write(this.#statements.remove, params, options);
  }

  deleteMatching(
    id: PersistenceId,
    criteria: SnapshotCriteria,
    options?: CallOptions,
  ): Promise<void> {
    const params = [toStoredText(id), ...boundsOf(criteria)];
    return this.#write(this.#statements.removeMatching, params, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#calls.close();
    await this.#session[Symbol.asyncDispose]();
  }

  #write(statement: Statement, params: Params, options: CallOptions | undefined): Promise<void> {
    return this.#calls.run(options, async () => {
      await this.#session.write(statement, params);
    });
  }
}

function boundsOf(criteria: SnapshotCriteria): readonly number[] {
  const { minSeqNr, maxSeqNr, minTimestampMs, maxTimestampMs } = criteria;
  return [minSeqNr, maxSeqNr, minTimestampMs, maxTimestampMs];
}
