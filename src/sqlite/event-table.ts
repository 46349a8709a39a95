import { printRecordMetadata } from '../codec/record-metadata-codec.ts';
import { toStoredPayload } from '../codec/stored-payload-codec.ts';
import type { EventRecord } from '../model/event.ts';
import { RecordMetadata } from '../model/record-metadata.ts';
import { type EventCells, eventColumns } from './event-row.ts';
import type { Database, SqlValue, Statement } from './sqlite-database.ts';

/** A row as it is bound, without the number of its journal. */
export type BoundEvent = readonly SqlValue[];

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
    // Of two events with one number in one record the first one stays (decision 17).
    this.#insert = database.prepare(
      `INSERT INTO event (journal, ${eventColumns})
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
    );
    this.#deleteTo = database.prepare('DELETE FROM event WHERE journal = ? AND seq_nr <= ?');
    this.#deleteAll = database.prepare('DELETE FROM event WHERE journal = ?');
    this.#page = database.prepare(
      `SELECT ${eventColumns} FROM event
       WHERE journal = ? AND (seq_nr, timestamp, "offset") > (?, ?, ?) AND seq_nr <= ?
       ORDER BY seq_nr, timestamp, "offset" LIMIT ?`,
    );
    this.#page.setReturnArrays(true);
  }

  insert(journal: number, event: BoundEvent): void {
    this.#insert.run(journal, ...event);
  }

  deleteTo(journal: number, seqNr: number): void {
    this.#deleteTo.run(journal, seqNr);
  }

  deleteAll(journal: number): void {
    this.#deleteAll.run(journal);
  }

  page(journal: number, { after, to, limit }: EventPage): readonly EventCells[] {
    return this.#page.all(journal, after.seqNr, after.timestamp, after.offset, to, limit);
  }
}

/** The cells of an event. @throws {InvalidInputError} JSON cannot hold its payload or metadata */
export function boundEvent({ event, record }: EventRecord): BoundEvent {
  const { payloadType, text, bytes } = toStoredPayload(event.payload);
  const { metadata, headers, at } = record;
  return [
    event.seqNr,
    record.timestampMs,
    at.offset,
    at.partition,
    record.origin ?? null,
    record.version ?? null,
    metadata === RecordMetadata.empty ? null : printRecordMetadata(metadata),
    isEmpty(headers) ? null : JSON.stringify(headers),
    event.tags.length === 0 ? null : JSON.stringify(event.tags),
    payloadType ?? null,
    text ?? null,
    bytes ?? null,
  ];
}

function isEmpty(headers: object): boolean {
  for (const _ in headers) return false;
  return true;
}
