import { javaStringHash } from '../../../codec/java-hash.ts';
import { ExpireAfter } from '../../../model/expire-after.ts';
import type { JournalPointer } from '../../../model/journal-pointer.ts';
import type { Key } from '../../../model/key.ts';
import { pointerOf } from '../../relational/journal-cells.ts';
import type { NewRow, RowUpdate } from '../../relational/journal-transactions.ts';
import type { Cell, Statement } from '../session.ts';
import { eventSource, eventTarget } from './event-table.ts';
import { toStoredText } from './stored-text.ts';

/** A row of `metajournal` in the order of its select. */
export type JournalCells = readonly [
  journal: number,
  partition: number,
  offset: number,
  seqNr: number,
  deleteTo: number | null,
  expireAfterNanos: string | null,
  expireOn: string | null,
  recordId: string | null,
];

/** An expired journal in the order of its select. */
export type ExpiredCells = readonly [
  id: string,
  partition: number,
  offset: number,
  expireOn: string,
];

/** Ids or journals in one page of a listing. */
export const listedInPage = 1_000;

/** A row has no segments; this number stands where a pointer has to name their size. */
export const segmentSize = 10_000;

const day = `to_char(expire_on, 'YYYY-MM-DD')`;

/** Statements of `metajournal`. */
export function metajournalStatements(schema: string) {
  return { ...readStatements(schema), ...writeStatements(schema) };
}

function readStatements(schema: string) {
  const table = `${schema}.metajournal`;
  return {
    /** topic `$1`, id `$2` → {@link JournalCells} */
    select: {
      name: 'select journal',
      text: `SELECT journal, partition, "offset", seq_nr, delete_to, expire_after::text, ${day},
          record_id
        FROM ${table} WHERE topic = $1 AND id = $2`,
    },
    /** topic `$1`, above id `$2` */
    ids: {
      name: 'select ids',
      text: `SELECT id FROM ${table} WHERE topic = $1 AND id > $2 ORDER BY id LIMIT ${listedInPage}`,
    },
    /**
     * topic `$1`, from id `$2` on, inclusive: also an empty one is listed → id, partition, offset
     */
    places: {
      name: 'select places',
      text: `SELECT id, partition, "offset" FROM ${table}
        WHERE topic = $1 AND id >= $2 ORDER BY id LIMIT ${listedInPage}`,
    },
    /**
     * topic `$1`, from `$2`, to `$3`, share `$4` of `$5`, after day `$6` and id `$7` → {@link
     * ExpiredCells}
     */
    expired: {
      name: 'select expired journals',
      text: `SELECT id, partition, "offset", ${day} FROM ${table}
        WHERE topic = $1 AND expire_on BETWEEN $2::date AND $3::date
          AND hash % $5::integer = $4::integer AND (expire_on, id) > ($6::date, $7)
        ORDER BY expire_on, id LIMIT ${listedInPage}`,
    },
  } as const satisfies Record<string, Statement>;
}

/**
 * They find the row as it was when it was loaded, or change nothing and answer no row; what they do
 * to events is part of them, so one never shows without the other.
 */
function writeStatements(schema: string) {
  const table = `${schema}.metajournal`;
  const insert = `INSERT INTO ${table} (topic, id, hash, partition, "offset", seq_nr, delete_to,
        expire_after, expire_on, record_id, origin, created, updated)
      SELECT $1, $2, $3::integer, $4, $5::bigint, $6::bigint, $7::bigint, $8::numeric, $9::date,
        $10::uuid, $11, to_timestamp($12 / 1000.0::float8), to_timestamp($12 / 1000.0::float8)
      WHERE (SELECT epoch FROM ${schema}.pointer WHERE topic = $1 AND partition = $4 FOR SHARE)
        IS NOT DISTINCT FROM $13::bigint
      ON CONFLICT (topic, id) DO NOTHING RETURNING journal`;
  const update = `UPDATE ${table} SET partition = $3, "offset" = $4, seq_nr = $5, delete_to = $6,
        expire_after = $7, expire_on = $8::date, updated = to_timestamp($9 / 1000.0::float8)
      WHERE journal = $1 AND "offset" = $2 RETURNING journal`;
  const remove = `DELETE FROM ${table} WHERE journal = $1 AND "offset" = $2 RETURNING journal`;
  const events = `${schema}.event`;
  const insertEvents = (first: number): string =>
    `INSERT INTO ${events} (${eventTarget}) ${eventSource('row.journal', first, 'row,')}`;
  const deleteEvents = `DELETE FROM ${events} AS old USING row WHERE old.journal = row.journal`;
  return {
    /**
     * {@link insertCells} → its number, or no row when there is one already, or the partition was
     * claimed since. A claim waits for the end of the transaction, so the new owner sees the row.
     * Updates need not look: they find only the row that was loaded.
     */
    insert: { name: 'insert journal', text: insert },
    /** The same, and the columns of its events. */
    insertWithEvents: {
      name: 'insert journal and events',
      text: withEvents(insert, insertEvents(14)),
    },
    /** {@link updateCells} → its number, or no row when it has changed or is gone. */
    update: { name: 'update journal', text: update },
    /** The same, and the columns of new events. */
    updateWithEvents: {
      name: 'update journal and insert events',
      text: withEvents(update, insertEvents(10)),
    },
    /** The same, and the number up to which its events are deleted. */
    updateAndDelete: {
      name: 'update journal and delete events',
      text: withEvents(update, `${deleteEvents} AND old.seq_nr <= $10`),
    },
    /** journal `$1`, offset `$2` → its number, or no row. */
    remove: { name: 'delete journal', text: remove },
    removeWithEvents: {
      name: 'delete journal and events',
      text: withEvents(remove, deleteEvents),
    },
  } as const satisfies Record<string, Statement>;
}

/** One statement is one transaction: the row and the events change together or not at all. */
function withEvents(row: string, events: string): string {
  return `WITH row AS (${row}), events AS (${events}) SELECT journal FROM row`;
}

/**
 * @throws {CodecError} naming topic, id, table and column
 */
export function pointerOfCells(key: Key, cells: JournalCells): JournalPointer {
  const [, partition, offset, seqNr, deleteTo, expireAfter, expireOn, recordId] = cells;
  const place = { partition, offset, segmentSize };
  return pointerOf(key, { ...place, seqNr, deleteTo, expireAfter, expireOn, recordId });
}

/** Parameters of an update; it finds the row only as it was loaded. */
export function updateCells({ row, pointer, nowMs }: RowUpdate): readonly Cell[] {
  return [row.journal, row.pointer.at.offset, ...pointerCells(pointer), nowMs];
}

/** Parameters of an insert; `epoch` is that of the claim, null where nothing is replicated. */
export function insertCells(
  { topic, id }: Key,
  row: NewRow,
  epoch: number | null,
): readonly Cell[] {
  const { pointer, origin, nowMs } = row;
  const written = origin === undefined ? null : toStoredText(origin);
  // Decides the share of a topic's journals that this one belongs to: 0 .. 2^31-1.
  const hash = javaStringHash(id) & 0x7fffffff;
  const place = [topic, toStoredText(id), hash];
  return [...place, ...pointerCells(pointer), pointer.recordId ?? null, written, nowMs, epoch];
}

function pointerCells({ at, seqNr, deleteTo, expiry }: JournalPointer): readonly Cell[] {
  const nanos = expiry && String(ExpireAfter.toNanos(expiry.after));
  return [at.partition, at.offset, seqNr, deleteTo ?? null, nanos ?? null, expiry?.on ?? null];
}
