import { ExpireAfter } from '../../../model/expire-after.ts';
import type { Expiry } from '../../../model/journal-pointer.ts';
import type { Key } from '../../../model/key.ts';
import type { Topic } from '../../../model/position.ts';
import type { ExpiredJournal, JournalPlace } from '../../../ports/replicated-journal.ts';
import { expiredOf, journalPlaceOf, pointerOf } from '../../relational/journal-cells.ts';
import type { JournalRow, NewRow, RowUpdate } from '../../relational/journal-transactions.ts';
import { type NulText, nulText, textOfNul } from '../nul-text.ts';
import { allRows, type Database, type Statement } from '../session.ts';

interface Cells {
  readonly journal: number;
  readonly partition: number;
  readonly offset: number;
  readonly segment_size: number;
  readonly seq_nr: number;
  readonly delete_to: number | null;
  readonly expire_after: string | null;
  readonly expire_on: string | null;
  readonly record_id: string | null;
}

interface PlaceCells {
  readonly id: NulText;
  readonly partition: number;
  readonly offset: number;
}

interface ExpiredCells extends PlaceCells {
  readonly expire_on: string;
}

/** Ids in one step of a listing. */
const idsInPage = 1_000;

/** Statements of `metajournal`; writes belong into a transaction. */
export class MetajournalTable {
  readonly #select: Statement<Cells>;
  readonly #insert: Statement<{ journal: number }>;
  readonly #update: Statement;
  readonly #delete: Statement;
  readonly #ids: Statement<{ id: NulText }>;
  readonly #places: Statement<PlaceCells>;
  readonly #expired: Statement<ExpiredCells>;

  constructor(database: Database) {
    this.#select = database.prepare(
      `SELECT journal, partition, "offset", segment_size, seq_nr, delete_to, expire_after,
       expire_on, record_id FROM metajournal WHERE topic = ? AND id = ?`,
    );
    this.#insert = database.prepare(
      `INSERT INTO metajournal (topic, id, partition, "offset", segment_size, seq_nr, delete_to,
       expire_after, expire_on, record_id, origin, created, updated)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING journal`,
    );
    this.#update = database.prepare(
      `UPDATE metajournal SET partition = ?, "offset" = ?, seq_nr = ?, delete_to = ?,
       expire_after = ?, expire_on = ?, updated = ? WHERE journal = ?`,
    );
    this.#delete = database.prepare('DELETE FROM metajournal WHERE journal = ?');
    this.#ids = database.prepare(
      `SELECT ${nulText('id')} FROM metajournal
       WHERE topic = ? AND id > ? ORDER BY metajournal.id LIMIT ${idsInPage}`,
    );
    this.#places = database.prepare(
      `SELECT ${nulText('id')}, partition, "offset" FROM metajournal
       WHERE topic = ? AND id >= ? ORDER BY metajournal.id LIMIT ${idsInPage}`,
    );
    this.#expired = database.prepare(
      `SELECT ${nulText('id')}, partition, "offset", expire_on FROM metajournal
       WHERE topic = ? AND (expire_on, id) > (?, ?) AND expire_on <= ?
       ORDER BY expire_on, metajournal.id LIMIT ${idsInPage}`,
    );
  }

  find({ topic, id }: Key): JournalRow | undefined {
    const [cells] = allRows(this.#select, topic, id);
    if (cells === undefined) return undefined;
    const { journal, partition, offset } = cells;
    const pointer = pointerOf(
      { topic, id },
      {
        partition,
        offset,
        segmentSize: cells.segment_size,
        seqNr: cells.seq_nr,
        deleteTo: cells.delete_to,
        expireAfter: cells.expire_after,
        expireOn: cells.expire_on,
        recordId: cells.record_id,
      },
    );
    return { journal, pointer };
  }

  /** Answers the number of the new row. */
  insert({ topic, id }: Key, { pointer, origin, nowMs }: NewRow): number {
    const { at, segmentSize, seqNr, deleteTo, recordId } = pointer;
    const [after, on] = expiryCells(pointer.expiry);
    const place = [topic, id, at.partition, at.offset] as const;
    const numbers = [segmentSize, seqNr, deleteTo ?? null] as const;
    const rest = [after, on, recordId ?? null, origin ?? null] as const;
    const row = this.#insert.get(...place, ...numbers, ...rest, nowMs, nowMs);
    return (row as { journal: number }).journal;
  }

  /** Segment size, generation and origin stay as they were inserted. */
  update({ row: { journal }, pointer, nowMs }: RowUpdate): void {
    const { at, seqNr, deleteTo, expiry } = pointer;
    const [after, on] = expiryCells(expiry);
    const place = [at.partition, at.offset];
    this.#update.run(...place, seqNr, deleteTo ?? null, after, on, nowMs, journal);
  }

  delete(journal: number): void {
    this.#delete.run(journal);
  }

  /** A page of the ids of a topic above `after`, ascending; the last one is empty. */
  ids(topic: Topic, after: string): string[] {
    return this.#ids.all(topic, after).map(({ id }) => textOfNul(id));
  }

  /** A page of the journals of a topic from an id on, inclusive, ascending. */
  places(topic: Topic, from: string): JournalPlace[] {
    return allRows(this.#places, topic, from).map(({ id, ...at }) =>
      journalPlaceOf({ topic, id: textOfNul(id) }, at),
    );
  }

  /** A page of the journals that expire after a place and up to a day; the last one is empty. */
  expired(topic: Topic, { after, to }: ExpiredPage): ExpiredJournal[] {
    const rows = allRows(this.#expired, topic, after.expireOn, after.id, to);
    return rows.map(({ id, partition, offset, expire_on }) =>
      expiredOf({ topic, id: textOfNul(id) }, { partition, offset, expireOn: expire_on }),
    );
  }
}

/** In the order of day and id. */
export interface ExpiredPage {
  readonly after: { readonly expireOn: string; readonly id: string };
  /** The last day, inclusive. */
  readonly to: string;
}

function expiryCells(expiry: Expiry | undefined): [string | null, string | null] {
  if (expiry === undefined) return [null, null];
  return [String(ExpireAfter.toNanos(expiry.after)), expiry.on];
}
