import type { CassandraSettings } from '../../config/settings/cassandra-settings.ts';
import type { JournalPointer } from '../../model/journal-pointer.ts';
import type { Key } from '../../model/key.ts';
import type { Offset, Partition, Topic } from '../../model/position.ts';
import type { LastTenure, TenurePlace } from '../../model/tenure.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type { StoredEvent, StoredRange } from '../../ports/eventual-journal.ts';
import type { EventualStore, WakeUps } from '../../ports/wake-ups.ts';
import { proveTenureReads, readLastTenure } from '../kept-tenures.ts';
import { ReadableWakeUps } from '../kept-wake-ups.ts';
import { chunks } from './at-once.ts';
import { checkTables } from './schema/check-schema.ts';
import { SegmentNr } from './segment.ts';
import { readSegments } from './segment-reader.ts';
import { openCassandraSession } from './session.ts';
import type { CassandraDeps, CassandraSession } from './session-types.ts';
import { CassandraTenureReads } from './stored-tenures.ts';
import { CassandraWakeUpReads } from './stored-wake-ups.ts';
import { JournalRowReader } from './tables/journal-row.ts';
import { pointerOf, rowParams } from './tables/metajournal-table.ts';
import { type StoreTables, storeTables } from './tables/store-tables.ts';
import { replicatedOffsetOf } from './values.ts';

/**
 * Connects and looks whether the tables exist. It never writes and never creates: the right to
 * SELECT on the keyspace is enough. The caller disposes it.
 *
 * @throws {StoreUnavailableError} retryable
 * @throws {AccessDeniedError} the user may not log in or read
 * @throws {NotSetUpError} names the keyspace or the tables that are missing
 * @throws the abort reason when `options.signal` fires
 */
export async function openCassandraEventualJournal(
  settings: CassandraSettings,
  deps: CassandraDeps,
  options?: CallOptions,
): Promise<EventualStore> {
  const session = await openCassandraSession(settings, deps, options);
  try {
    await checkTables(session, settings.schema, options);
    const journal = new CassandraEventualJournal(session, settings);
    await journal.warmUp(options);
    return journal;
  } catch (error) {
    await session[Symbol.asyncDispose]();
    throw error;
  }
}

/** The store over a connected session, which it closes when it is disposed. */
export class CassandraEventualJournal implements EventualStore {
  readonly wakeUps: WakeUps;
  readonly #session: CassandraSession;
  readonly #tables: StoreTables;
  readonly #fetchSize: number;
  readonly #tenures: CassandraTenureReads;

  constructor(
    session: CassandraSession,
    settings: Pick<CassandraSettings, 'schema'> & {
      readonly client: { readonly fetchSize: number };
    },
  ) {
    this.#session = session;
    this.#tables = storeTables(settings.schema);
    this.#fetchSize = settings.client.fetchSize;
    this.#tenures = new CassandraTenureReads(session, this.#tables.tenures);
    this.wakeUps = new ReadableWakeUps(new CassandraWakeUpReads(session, this.#tables.wakeUps));
  }

  /**
   * Prepares what a recovery needs, so that the first one does not wait for it; proves the right
   * to read.
   */
  async warmUp(options?: CallOptions): Promise<void> {
    const { journal, metaJournal, pointer } = this.#tables;
    const nowhere = ['', '', 0];
    await Promise.all([
      this.#session.select(pointer.selectOffset, ['', 0], options),
      this.#session.select(metaJournal.selectHead, nowhere, options),
      this.#session.select(journal.selectRange, [...nowhere, 1, 1], options),
      proveTenureReads(this.#tenures, options),
    ]);
  }

  lastTenure(place: TenurePlace, upTo: Offset, options?: CallOptions): Promise<LastTenure> {
    return readLastTenure(this.#tenures, place, upTo, options);
  }

  async offset(
    topic: Topic,
    partition: Partition,
    options?: CallOptions,
  ): Promise<Offset | undefined> {
    const [row] = await this.#session.select(
      this.#tables.pointer.selectOffset,
      [topic, partition],
      options,
    );
    return row === undefined ? undefined : replicatedOffsetOf(topic, partition, row['offset']);
  }

  /** Most rows are in the first segment: the older one is asked only where that has none. */
  async pointer(key: Key, options?: CallOptions): Promise<JournalPointer | undefined> {
    const { selectHead } = this.#tables.metaJournal;
    for (const segment of SegmentNr.ofId(key.id)) {
      const params = rowParams(key, segment);
      const [row] = await this.#session.select(selectHead, params, options);
      if (row !== undefined) return pointerOf(key, row);
    }
    return undefined;
  }

  async *read(
    key: Key,
    range: StoredRange,
    options?: CallOptions,
  ): AsyncIterable<readonly StoredEvent[]> {
    const { selectRange } = this.#tables.journal;
    const walk = { session: this.#session, selectRange, key, range, fetchSize: this.#fetchSize };
    const reader = new JournalRowReader(key);
    for await (const rows of readSegments(walk, options)) yield reader.page(rows);
  }

  async *ids(topic: Topic, options?: CallOptions): AsyncIterable<string> {
    const select = (segment: SegmentNr, from?: string) =>
      this.#session.page(this.#tables.metaJournal.selectIds, [topic, segment], {
        ...options,
        from,
      });
    for (const segments of chunks(SegmentNr.all(), segmentsAtOnce)) {
      const pages = await Promise.all(segments.map((segment) => select(segment)));
      for (const [index, first] of pages.entries()) {
        const segment = segments[index] as SegmentNr;
        for (let page = first; ; page = await select(segment, page.next)) {
          for (const { id } of page.rows) yield String(id);
          if (page.next === undefined) break;
        }
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
  }
}

/** Metajournal segments asked for at once when ids are listed. */
const segmentsAtOnce = 100;
