import { type EventCells, eventColumnNames, eventColumns } from '../../relational/event-row.ts';
import { type NulText, nulText, textOfNul } from '../nul-text.ts';
import { allRows, type Database, type Statement } from '../session.ts';

/** Where a page of rows begins, exclusive, and which number ends it, inclusive. */
export interface EventPage {
  readonly after: { readonly seqNr: number; readonly timestamp: number; readonly offset: number };
  readonly to: number;
  readonly limit: number;
}

/** JSON has no NUL: it is written as an escape. */
const text = nulText('payload_txt', `payload_type = 'text'`);
const columns = eventColumns.map(([name]) => (name === 'payload_txt' ? text : name)).join(', ');

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
      `SELECT ${columns} FROM event
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
    const { seqNr, timestamp, offset } = after;
    return allRows(this.#page, journal, seqNr, timestamp, offset, to, limit).map(withText);
  }
}

function withText(row: EventCells): EventCells {
  const payload: NulText | null = row[10];
  return typeof payload === 'string' || payload === null
    ? row
    : (row.with(10, textOfNul(payload)) as unknown as EventCells);
}
