import { type EventCells, eventColumnNames } from '../../relational/event-row.ts';
import { allRows, type Database, type Statement } from '../session.ts';

/** Where a page of rows begins, exclusive, and which number ends it, inclusive. */
export interface EventPage {
  readonly after: { readonly seqNr: number; readonly timestamp: number; readonly offset: number };
  readonly to: number;
  readonly limit: number;
}

/** Statements of `event`; writes belong into a transaction. */
export class EventTable {
  readonly #insert: Statement;
  readonly #deleteTo: Statement;
  readonly #deleteAll: Statement;
  readonly #page: Statement<EventCells>;

  constructor(database: Database) {
    // Of two events with one number in one record the first one stays (ADR 17).
    this.#insert = database.prepare(
      `INSERT INTO event (journal, ${eventColumnNames})
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
    );
    this.#deleteTo = database.prepare('DELETE FROM event WHERE journal = ? AND seq_nr <= ?');
    this.#deleteAll = database.prepare('DELETE FROM event WHERE journal = ?');
    this.#page = database.prepare(
      `SELECT ${eventColumnNames} FROM event
       WHERE journal = ? AND (seq_nr, timestamp, "offset") > (?, ?, ?) AND seq_nr <= ?
       ORDER BY seq_nr, timestamp, "offset" LIMIT ?`,
    );
    this.#page.setReturnArrays(true);
  }

  insert(journal: number, event: EventCells): void {
    this.#insert.run(journal, ...event);
  }

  deleteTo(journal: number, seqNr: number): void {
    this.#deleteTo.run(journal, seqNr);
  }

  deleteAll(journal: number): void {
    this.#deleteAll.run(journal);
  }

  page(journal: number, { after, to, limit }: EventPage): readonly EventCells[] {
    return allRows(this.#page, journal, after.seqNr, after.timestamp, after.offset, to, limit);
  }
}
