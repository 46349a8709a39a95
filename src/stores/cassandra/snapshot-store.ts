import { randomUUID } from 'node:crypto';
import { CodecError, StoreUnavailableError } from '../../model/errors.ts';
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
import { isOfAnyTime, meetsTimes } from '../snapshot-criteria.ts';
import { forEachAtOnce } from './at-once.ts';
import { checkSnapshotsTable } from './schema/check-schema.ts';
import type { CassandraSnapshotsPlace } from './schema/create-schema.ts';
import { openCassandraSession } from './session.ts';
import type { CassandraDeps, CassandraSession, Row } from './session-types.ts';
import { type SnapshotStatements, snapshotStatements } from './tables/snapshot-table.ts';
import { bufferOf, numberOf, seqNrOf } from './values.ts';
import { WriteClock } from './write-clock.ts';

/** Where the snapshots are, and for how long. */
export interface CassandraSnapshotSettings extends CassandraSnapshotsPlace {
  /** `undefined` = until they are deleted. */
  readonly ttlSeconds: number | undefined;
}

/**
 * What is larger is stored in parts of this size: a server takes no mutation above half of its
 * `commitlog_segment_size`, 16 MiB unless set otherwise.
 */
const partBytes = 1024 * 1024;
const partsAtOnce = 4;
const deletesAtOnce = 16;
/** A snapshot may be replaced or deleted each time that it is read. */
const loadAttempts = 10;

/**
 * Connects, looks whether the table is there, and proves the rights to SELECT from it and to MODIFY
 * it. It needs no others, and creates nothing.
 *
 * @throws {StoreUnavailableError} retryable
 * @throws {AccessDeniedError} the user may not log in, read or write
 * @throws {NotSetUpError} names the keyspace or the table that is missing
 * @throws the abort reason when `options.signal` fires
 */
export async function openCassandraSnapshotStore(
  settings: CassandraSnapshotSettings,
  deps: CassandraDeps,
  options?: CallOptions,
): Promise<SnapshotStorePlugin> {
  const { cassandra, table, ttlSeconds } = settings;
  const { schema } = cassandra;
  const session = await openCassandraSession(cassandra, deps, options);
  try {
    await checkSnapshotsTable(session, schema, table, options);
    const statements = snapshotStatements(`${schema.keyspace.name}.${table}`, ttlSeconds);
    const store = new CassandraSnapshotStore(session, statements, deps.clock);
    await store.proveRights(options);
    return store;
  } catch (error) {
    await session[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * A snapshot is there once its head row is, which is one mutation. A large one has its bytes in
 * parts under the name of its save; the head comes last, and names it. So until then what was saved
 * before under the same number is whole, and so is the new one from then on.
 *
 * The rows of an entity are one partition of the table, the highest number first: a load reads one
 * row, and the parts that it names, however many snapshots there were.
 */
class CassandraSnapshotStore implements SnapshotStorePlugin {
  readonly #session: CassandraSession;
  readonly #statements: SnapshotStatements;
  readonly #clock: Clock;
  readonly #calls = new SnapshotCalls();
  /**
   * Of the writes, in the order of the calls. A save that was given up may still be under way, or
   * be tried again: it keeps its timestamp, so it loses against a later delete, whichever arrives
   * last.
   */
  readonly #writes = new WriteClock();

  constructor(session: CassandraSession, statements: SnapshotStatements, clock: Clock) {
    this.#session = session;
    this.#statements = statements;
    this.#clock = clock;
  }

  /** Without the right to write, each save would fail, and nobody look at it. */
  async proveRights(options?: CallOptions): Promise<void> {
    const { selectLast, selectTimes, deleteOne } = this.#statements;
    // No entity has a blank id, and no snapshot this number.
    const nowhere = [' ', 0];
    await this.#session.select(selectLast, [...nowhere, 0], options);
    await this.#session.select(selectTimes, [...nowhere, 0], options);
    await this.#session.write(deleteOne, nowhere);
  }

  load(
    id: PersistenceId,
    criteria: SnapshotCriteria,
    options?: CallOptions,
  ): Promise<StoredSnapshot | undefined> {
    return this.#calls.run(options, () => this.#load(id, criteria, options));
  }

  save(metadata: SnapshotMetadata, snapshot: Uint8Array, options?: CallOptions): Promise<void> {
    const { persistenceId, seqNr, timestampMs } = metadata;
    const place = [persistenceId, seqNr];
    const bytes = bufferOf(snapshot);
    const written = this.#writes.next(this.#clock.nowMs());
    const { insertHead, insertPart } = this.#statements;
    return this.#calls.run(options, async () => {
      const parts = bytes.length <= partBytes ? [] : [...partsOf(bytes)];
      const save = randomUUID();
      await forEachAtOnce(parts.entries(), partsAtOnce, async ([part, content]) => {
        options?.signal?.throwIfAborted();
        await this.#session.write(insertPart, [...place, save, part, content], written);
      });
      options?.signal?.throwIfAborted();
      const content = parts.length === 0 ? [0, null, bytes] : [parts.length, save, null];
      await this.#session.write(insertHead, [...place, timestampMs, ...content], written);
    });
  }

  delete(metadata: SnapshotMetadata, options?: CallOptions): Promise<void> {
    const { persistenceId: id, seqNr, timestampMs } = metadata;
    const time = { minTimestampMs: timestampMs, maxTimestampMs: timestampMs };
    return this.#calls.run(options, () =>
      timestampMs === 0
        ? this.#write(this.#statements.deleteOne, [id, seqNr])
        : this.#deleteByTime(id, { minSeqNr: seqNr, maxSeqNr: seqNr, ...time }, options),
    );
  }

  deleteMatching(
    id: PersistenceId,
    criteria: SnapshotCriteria,
    options?: CallOptions,
  ): Promise<void> {
    const { minSeqNr, maxSeqNr } = criteria;
    return this.#calls.run(options, () =>
      isOfAnyTime(criteria)
        ? this.#write(this.#statements.deleteRange, [id, minSeqNr, maxSeqNr])
        : this.#deleteByTime(id, criteria, options),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#calls.close();
    await this.#session[Symbol.asyncDispose]();
  }

  async #load(
    id: PersistenceId,
    criteria: SnapshotCriteria,
    options: CallOptions | undefined,
  ): Promise<StoredSnapshot | undefined> {
    const { selectLast, selectHead } = this.#statements;
    const range = [id, criteria.minSeqNr, criteria.maxSeqNr];
    for (let attempt = 1; attempt <= loadAttempts; attempt++) {
      let [head] = await this.#session.select(selectLast, range, options);
      if (head === undefined) return undefined;
      // The first row may also be a part of a save that did not come to its end.
      if (!isOfAnyTime(criteria) || !isHead(head)) {
        const found = await this.#ofTimes(id, criteria, options).next();
        if (found.done === true) return undefined;
        const place = [id, found.value['seq_nr']];
        [head] = await this.#session.select(selectHead, place, options);
      }
      const stored = head && (await this.#snapshotOf(id, head, options));
      if (stored && meetsTimes(stored.metadata.timestampMs, criteria)) return stored;
    }
    throw new StoreUnavailableError(`snapshots of ${id} change while they are read`);
  }

  /**
   * @returns `undefined` = it is not there any more
   * @throws {CodecError} naming id, number and column: the rows are not those that a store wrote
   */
  async #snapshotOf(
    id: PersistenceId,
    row: Row,
    options: CallOptions | undefined,
  ): Promise<StoredSnapshot | undefined> {
    const seqNr = seqNrOf(row['seq_nr'], 'seq_nr');
    const { timestamp, parts, parts_of: save, snapshot } = row;
    const missing = (column: string, text = `has no ${column}`): CodecError =>
      new CodecError(`a snapshot ${text}`, { place: { id, seqNr, column } });
    if (timestamp === null) throw missing('timestamp');
    if (typeof parts !== 'number') throw missing('parts');
    const metadata = {
      persistenceId: id,
      seqNr,
      timestampMs: numberOf(timestamp, 'timestamp'),
    };
    if (parts === 0) {
      if (!(snapshot instanceof Uint8Array)) throw missing('snapshot');
      return { metadata, snapshot };
    }
    const { selectPart, selectHead } = this.#statements;
    const contents: Uint8Array[] = [];
    await forEachAtOnce(Array(parts).keys(), partsAtOnce, async (part) => {
      const place = [id, seqNr, save, part];
      const [found] = await this.#session.select(selectPart, place, options);
      if (found?.['snapshot'] instanceof Uint8Array) contents[part] = found['snapshot'];
    });
    if (Object.keys(contents).length === parts) {
      return { metadata, snapshot: Buffer.concat(contents) };
    }
    const [again] = await this.#session.select(selectHead, [id, seqNr], options);
    if (again?.['parts_of'] !== save) return undefined;
    throw missing('snapshot', `has ${Object.keys(contents).length} of its ${parts} parts`);
  }

  /**
   * A delete removes what is not newer than its own timestamp. With that of the row as it was seen,
   * it leaves a snapshot that has replaced it meanwhile.
   */
  async #deleteByTime(
    id: PersistenceId,
    criteria: SnapshotCriteria,
    options: CallOptions | undefined,
  ): Promise<void> {
    const found: Row[] = [];
    for await (const row of this.#ofTimes(id, criteria, options)) found.push(row);
    await forEachAtOnce(found, deletesAtOnce, ({ seq_nr: seqNr, written }) =>
      this.#session.write(this.#statements.deleteOne, [id, seqNr], numberOf(written, 'written')),
    );
  }

  /** Heads without their bytes, highest number first. */
  async *#ofTimes(
    id: PersistenceId,
    criteria: SnapshotCriteria,
    options: CallOptions | undefined,
  ): AsyncGenerator<Row, void> {
    const { selectTimes } = this.#statements;
    const range = [id, criteria.minSeqNr, criteria.maxSeqNr];
    for (let from: string | undefined; ; ) {
      const page = await this.#session.page(selectTimes, range, { ...options, from });
      for (const row of page.rows) {
        const timestampMs = numberOf(row['timestamp'], 'timestamp');
        if (isHead(row) && meetsTimes(timestampMs, criteria)) yield row;
      }
      from = page.next;
      if (from === undefined) return;
    }
  }

  #write(cql: string, params: readonly unknown[]): Promise<void> {
    return this.#session.write(cql, params, this.#writes.next(this.#clock.nowMs()));
  }
}

function isHead(row: Row): boolean {
  return row['save'] === '';
}

function* partsOf(bytes: Buffer): Generator<Buffer> {
  for (let from = 0; from < bytes.length; from += partBytes) {
    yield bytes.subarray(from, from + partBytes);
  }
}
