import { ClosedError } from '../../model/errors.ts';
import type { JournalPointer } from '../../model/journal-pointer.ts';
import type { Key } from '../../model/key.ts';
import type { Offset, Partition, Topic } from '../../model/position.ts';
import type { LastTenure, TenurePlace } from '../../model/tenure.ts';
import type { WakeUpEntry } from '../../model/wake-up.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type { StoredEvent, StoredRange } from '../../ports/eventual-journal.ts';
import type { DueRange, EventualStore, WakeUps } from '../../ports/wake-ups.ts';
import { nextTurn } from '../../runtime/waiting.ts';
import { EventRows, nextPageRows } from '../relational/event-row.ts';
import { readOr, storeFailure } from './session.ts';
import type { EventTable } from './tables/event-table.ts';
import type { MetajournalTable } from './tables/metajournal-table.ts';
import type { PointerTable } from './tables/pointer-table.ts';
import type { SettingTable } from './tables/setting-table.ts';
import type { TenureTable } from './tables/tenure-table.ts';
import { dueInPage, type WakeUpTable } from './tables/wake-up-table.ts';

/** Rows in the first page of a read; the next pages are sized by what its rows held. */
const firstPageRows = 64;
const maxPageRows = 1_000;
/** Bytes of payload that a page aims at: the event loop stands still while it is read. */
const pageBytes = 524_288;

/** The prepared statements of one open file, table by table. */
export interface StoreTables {
  readonly metajournal: MetajournalTable;
  readonly events: EventTable;
  readonly pointers: PointerTable;
  readonly settings: SettingTable;
  readonly tenures: TenureTable;
  readonly wakeUps: WakeUpTable;
}

/** Reads the store of the file. */
export class SqliteEventualJournal implements EventualStore {
  readonly wakeUps: WakeUps;
  readonly #tables: StoreTables;
  #closed = false;

  constructor(tables: StoreTables) {
    this.#tables = tables;
    this.wakeUps = {
      until: async ({ topic, partition }, options) => {
        this.#check(options);
        return readOr(storeFailure, `read ${topic}`, () => tables.wakeUps.upTo(topic, partition));
      },
      due: (range, options) => this.#due(range, options),
    };
  }

  async lastTenure(place: TenurePlace, upTo: Offset, options?: CallOptions): Promise<LastTenure> {
    this.#check(options);
    return readOr(storeFailure, `read ${place.topic}`, () =>
      this.#tables.tenures.last(place, upTo),
    );
  }

  async *#due(range: DueRange, options?: CallOptions): AsyncGenerator<WakeUpEntry, void> {
    for (let after = { dueMs: -1, id: '' }; ; ) {
      this.#check(options);
      const page = readOr(storeFailure, `read ${range.topic}`, () =>
        this.#tables.wakeUps.due(range, after),
      );
      yield* page;
      const last = page.at(-1);
      if (last === undefined || page.length < dueInPage) return;
      after = last;
      await nextTurn();
    }
  }

  async offset(
    topic: Topic,
    partition: Partition,
    options?: CallOptions,
  ): Promise<Offset | undefined> {
    this.#check(options);
    return readOr(storeFailure, `read ${topic}`, () =>
      this.#tables.pointers.offset(topic, partition),
    );
  }

  async pointer(key: Key, options?: CallOptions): Promise<JournalPointer | undefined> {
    this.#check(options);
    return readOr(
      storeFailure,
      `read ${key.id}`,
      () => this.#tables.metajournal.find(key)?.pointer,
    );
  }

  async *read(
    key: Key,
    { from, to }: StoredRange,
    options?: CallOptions,
  ): AsyncGenerator<readonly StoredEvent[]> {
    const { metajournal, events } = this.#tables;
    const decoder = new EventRows(key);
    let limit = firstPageRows;
    // Every row of `from` is after this place.
    let after = { seqNr: from as number, timestamp: Number.MIN_SAFE_INTEGER, offset: -1 };
    for (;;) {
      this.#check(options);
      // After a purge between two pages the read ends, or goes on in the next generation.
      const { rows, recordId } = readOr(storeFailure, `read ${key.id}`, () => {
        const found = metajournal.find(key);
        const page = { after, to, limit };
        return {
          rows: found === undefined ? [] : events.page(found.journal, page),
          recordId: found?.pointer.recordId,
        };
      });
      const last = rows.at(-1);
      if (last === undefined) return;
      yield decoder.decode(rows, recordId);
      if (rows.length < limit) return;
      after = { seqNr: last[0], timestamp: last[1], offset: last[3] };
      limit = nextPageRows(rows, pageBytes, maxPageRows);
      await nextTurn();
    }
  }

  async *ids(topic: Topic, options?: CallOptions): AsyncGenerator<string> {
    // The empty id sorts first, and no listing "above" another id would give it.
    if ((await this.pointer({ topic, id: '' }, options)) !== undefined) yield '';
    for (let after = ''; ; ) {
      this.#check(options);
      const ids = readOr(storeFailure, `list ${topic}`, () =>
        this.#tables.metajournal.ids(topic, after),
      );
      yield* ids;
      const last = ids.at(-1);
      if (last === undefined) return;
      after = last;
      await nextTurn();
    }
  }

  #check(options: CallOptions | undefined): void {
    options?.signal?.throwIfAborted();
    if (this.#closed) throw new ClosedError('the store is closed');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
  }
}
