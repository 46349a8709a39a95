import type { PostgresSettings } from '../../config/settings/postgres-settings.ts';
import type { JournalPointer } from '../../model/journal-pointer.ts';
import type { Key } from '../../model/key.ts';
import type { Offset, Partition, Topic } from '../../model/position.ts';
import type { LastTenure, TenurePlace } from '../../model/tenure.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type { StoredEvent, StoredRange } from '../../ports/eventual-journal.ts';
import type { EventualStore, WakeUps } from '../../ports/wake-ups.ts';
import { proveTenureReads, readLastTenure } from '../kept-tenures.ts';
import { ReadableWakeUps } from '../kept-wake-ups.ts';
import { EventRows, nextPageRows } from '../relational/event-row.ts';
import { pointerOffset } from '../relational/journal-cells.ts';
import { openPostgresSession, type PostgresDeps, type PostgresSession } from './session.ts';
import { PostgresTenureReads } from './stored-tenures.ts';
import { PostgresWakeUpReads } from './stored-wake-ups.ts';
import { type JournalCells, pointerOfCells } from './tables/metajournal-table.ts';
import { type StoreTables, storeTables } from './tables/store-tables.ts';
import { ofStoredCells, type StoredCells } from './tables/stored-cells.ts';
import { ofStoredText, toStoredText } from './tables/stored-text.ts';

/** Rows in the first page of a read; the next pages are sized by what its rows held. */
const firstPageRows = 200;
/** Bytes of payload that a page aims at: two pages are in memory at a time. */
const pageBytes = 1024 * 1024;

/**
 * Connects, and proves the right to read.
 *
 * @throws {StoreUnavailableError} {@link AccessDeniedError} {@link NotSetUpError} as the server
 * answers
 */
export async function openPostgresEventualJournal(
  settings: PostgresSettings,
  deps: PostgresDeps,
  options?: CallOptions,
): Promise<EventualStore> {
  const session = await openPostgresSession(settings, deps, options);
  const journal = new PostgresEventualJournal(session, settings);
  try {
    await journal.proveReading(options);
    return journal;
  } catch (error) {
    await session[Symbol.asyncDispose]();
    throw error;
  }
}

/** Reads the store; each statement sees one moment of it. */
export class PostgresEventualJournal implements EventualStore {
  readonly wakeUps: WakeUps;
  readonly #session: PostgresSession;
  readonly #tables: StoreTables;
  readonly #fetchSize: number;
  readonly #tenures: PostgresTenureReads;

  constructor(session: PostgresSession, settings: PostgresSettings) {
    this.#session = session;
    this.#tables = storeTables(settings.schema.name);
    this.#fetchSize = settings.fetchSize;
    this.#tenures = new PostgresTenureReads(session, this.#tables.tenures);
    this.wakeUps = new ReadableWakeUps(new PostgresWakeUpReads(session, this.#tables.wakeUps));
  }

  async proveReading(options?: CallOptions): Promise<void> {
    const { events, metajournal, pointers } = this.#tables;
    await this.#session.read(pointers.select, ['', 0], options);
    await this.#session.read(metajournal.select, ['', ''], options);
    await this.#session.read(events.page, ['', '', 0, 0, 0, 0, 0, 0], options);
    await proveTenureReads(this.#tenures, options);
  }

  lastTenure(place: TenurePlace, upTo: Offset, options?: CallOptions): Promise<LastTenure> {
    return readLastTenure(this.#tenures, place, upTo, options);
  }

  async offset(
    topic: Topic,
    partition: Partition,
    options?: CallOptions,
  ): Promise<Offset | undefined> {
    const { select } = this.#tables.pointers;
    const [row] = await this.#session.read<[number]>(select, [topic, partition], options);
    return row === undefined ? undefined : pointerOffset(topic, partition, row[0]);
  }

  async pointer(key: Key, options?: CallOptions): Promise<JournalPointer | undefined> {
    const { topic, id } = key;
    const { select } = this.#tables.metajournal;
    const [row] = await this.#session.read<JournalCells>(
      select,
      [topic, toStoredText(id)],
      options,
    );
    return row === undefined ? undefined : pointerOfCells(key, row);
  }

  async *read(
    key: Key,
    { from, to }: StoredRange,
    options?: CallOptions,
  ): AsyncGenerator<readonly StoredEvent[]> {
    const { page } = this.#tables.events;
    const journal = [key.topic, toStoredText(key.id)] as const;
    const fetchPage = (after: readonly number[], rows: number) =>
      this.#session.read<StoredCells>(page, [...journal, ...after, to, rows], options);
    const decoder = new EventRows(key);
    let limit = Math.min(firstPageRows, this.#fetchSize);
    // Every row of `from` comes after this place.
    let next = fetchPage([from, Number.MIN_SAFE_INTEGER, -1, -1], limit);
    for (;;) {
      const rows = await next;
      const last = rows.at(-1);
      if (last === undefined) return;
      const cells = rows.map(ofStoredCells);
      const isLast = rows.length < limit;
      if (!isLast) {
        limit = nextPageRows(cells, pageBytes, this.#fetchSize);
        next = fetchPage(last.slice(0, 4) as number[], limit);
        // A caller that leaves the loop does not wait for it.
        next.catch(() => {});
      }
      // All rows of a page are of one moment, and so of one generation.
      yield decoder.decode(cells, last[12] ?? undefined);
      if (isLast) return;
    }
  }

  async *ids(topic: Topic, options?: CallOptions): AsyncGenerator<string> {
    // The empty id sorts first, and no listing "above" another id would give it.
    if ((await this.pointer({ topic, id: '' }, options)) !== undefined) yield '';
    for (let after = ''; ; ) {
      const { ids } = this.#tables.metajournal;
      const rows = await this.#session.read<[string]>(ids, [topic, after], options);
      for (const [id] of rows) yield ofStoredText(id);
      const last = rows.at(-1);
      if (last === undefined) return;
      after = last[0];
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
  }
}
