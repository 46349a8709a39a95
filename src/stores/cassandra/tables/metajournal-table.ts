import { CodecError } from '../../../model/errors.ts';
import type { Expiry, JournalPointer } from '../../../model/journal-pointer.ts';
import type { Key } from '../../../model/key.ts';
import type { Offset, PartitionOffset } from '../../../model/position.ts';
import type { ExpiredJournal, JournalPlace } from '../../../ports/replicated-journal.ts';
import { defaultSegmentSize, type SegmentNr } from '../segment.ts';
import { cqlDuration } from '../session.ts';
import type { Params, Row } from '../session-types.ts';
import {
  type DateCell,
  type DurationCell,
  daysAndNanos,
  expireAfterOf,
  numberOf,
  partitionOf,
  seqNrOf,
  seqNrParam,
  type UuidCell,
  utcDate,
  uuidParam,
} from '../values.ts';

/** Statements of the table that holds one row a journal (docs/format.md#tables). */
export interface MetaJournalStatements {
  readonly insert: string;
  /** What a reader needs of a row. */
  readonly selectHead: string;
  /** What its writer needs: all columns, and when it was written last. */
  readonly selectOwned: string;
  readonly selectIds: string;
  /** Ids, and the place of the last record that was applied. */
  readonly selectPlaces: string;
  /** Journals that expire on one day: the index answers it, by equality alone. */
  readonly selectExpiredOn: string;
  /** Journals that expire between two days: the server looks at every row of the segment. */
  readonly selectExpiredBetween: string;
  readonly updateSeqNr: string;
  readonly updateExpiry: string;
  readonly updateDeleted: string;
  readonly updateAll: string;
  readonly updateCleared: string;
  readonly delete: string;
}

/** The statements for a table of that name, keyspace included. */
export function metaJournalStatements(table: string): MetaJournalStatements {
  const where = 'WHERE id = ? AND topic = ? AND segment = ?';
  const marks = insertColumns.map(() => '?').join(', ');
  const expired = `SELECT id, partition, offset, expire_on FROM ${table} WHERE topic = ? AND segment = ?`;
  const set = (...columns: string[]) => {
    const values = ['partition', 'offset', 'updated', ...columns].map((it) => `${it} = ?`);
    return `UPDATE ${table} SET ${values.join(', ')} ${where}`;
  };
  return {
    insert: `INSERT INTO ${table} (${insertColumns.join(', ')}) VALUES (${marks})`,
    selectHead: `SELECT ${headColumns.join(', ')} FROM ${table} ${where}`,
    selectOwned:
      `SELECT ${headColumns.join(', ')}, created, created_date, origin, ` +
      `WRITETIME(offset) AS written FROM ${table} ${where}`,
    selectIds: `SELECT id FROM ${table} WHERE topic = ? AND segment = ?`,
    selectPlaces: `SELECT id, partition, offset FROM ${table} WHERE topic = ? AND segment = ?`,
    selectExpiredOn: `${expired} AND expire_on = ?`,
    selectExpiredBetween: `${expired} AND expire_on >= ? AND expire_on <= ? ALLOW FILTERING`,
    updateSeqNr: set('seq_nr'),
    updateExpiry: set('seq_nr', 'expire_after', 'expire_on'),
    updateDeleted: set('seq_nr', 'delete_to', 'metadata'),
    updateAll: set('seq_nr', 'delete_to', 'metadata', 'expire_after', 'expire_on'),
    updateCleared: set('metadata'),
    delete: `DELETE FROM ${table} ${where}`,
  };
}

const headColumns = [
  'partition',
  'offset',
  'segment_size',
  'seq_nr',
  'delete_to',
  'expire_after',
  'expire_on',
  'record_id',
  'metadata',
];

const insertColumns = [
  'topic',
  'segment',
  'id',
  'partition',
  'offset',
  'segment_size',
  'seq_nr',
  'delete_to',
  'created',
  'created_date',
  'updated',
  'expire_after',
  'expire_on',
  'record_id',
  'origin',
  'metadata',
];

/** What binds to `id = ? AND topic = ? AND segment = ?`. */
export const rowParams = (key: Key, segment: SegmentNr): Params => [key.id, key.topic, segment];

/** A row that begins a generation, and who wrote the journal's first event. */
export interface NewRow {
  readonly pointer: JournalPointer;
  readonly origin: string | undefined;
}

/** Cells of a row that never change: when it was made, on which day, and by whom. */
export type CreatedCells = readonly [created: unknown, createdDate: unknown, origin: unknown];

/** What a row that is made at `nowMs` says of its making for ever. */
export function newCells({ origin }: NewRow, nowMs: number): CreatedCells {
  return [nowMs, utcDate(nowMs), origin];
}

interface RowPlace {
  readonly key: Key;
  readonly segment: SegmentNr;
}

interface WholeRow {
  readonly pointer: JournalPointer;
  readonly clearedTo: number | undefined;
  readonly created: CreatedCells | undefined;
  readonly updatedMs: number;
}

/** Nulls rather than nothing: what an earlier try of the same row left must not show through. */
export function insertParams(
  { key, segment }: RowPlace,
  { pointer, clearedTo, created = [null, null, null], updatedMs }: WholeRow,
): Params {
  const { at, segmentSize, expiry, recordId } = pointer;
  const [createdMs, createdDate, origin] = created;
  return [
    key.topic,
    segment,
    key.id,
    at.partition,
    at.offset,
    segmentSize,
    ...seqNrCells(pointer),
    createdMs,
    createdDate,
    updatedMs,
    ...expiryParams(expiry),
    uuidParam(recordId) ?? null,
    origin ?? null,
    progressParam({ pointer, clearedTo }),
  ];
}

/** Of `seq_nr` and `delete_to`. */
export function seqNrCells({ seqNr, deleteTo }: JournalPointer): readonly [unknown, unknown] {
  return [seqNrParam(seqNr), seqNrParam(deleteTo) ?? null];
}

/** What every update binds, then `columns` in the order of the statement. */
export function updateParams(
  { key, segment }: RowPlace,
  at: PartitionOffset,
  nowMs: number,
  columns: Params,
): Params {
  return [at.partition, at.offset, nowMs, ...columns, ...rowParams(key, segment)];
}

/** No expiry is null, which removes one. */
export function expiryParams(expiry: Expiry | undefined): Params {
  if (expiry === undefined) return [null, null];
  const { days, nanos } = daysAndNanos(expiry.after);
  return [cqlDuration(days, nanos), expiry.on];
}

/**
 * The `metadata` of a row while something is under way: event rows between `clearedTo` and
 * `delete_to` may be left, and those of records before a purge at `purgingAt` may be gone.
 */
export function progressParam({
  pointer: { purgingAt },
  clearedTo,
}: Pick<WholeRow, 'pointer' | 'clearedTo'>): string | null {
  if (clearedTo === undefined && purgingAt === undefined) return null;
  return JSON.stringify({ clearedTo, purgingAt });
}

/** A row as its writer needs it. */
export interface OwnedRow {
  readonly pointer: JournalPointer;
  /** Events up to here are surely gone; `undefined` = up to `deleteTo`. */
  readonly clearedTo: number | undefined;
  readonly created: CreatedCells;
  /** Write timestamp of its last change, in microseconds. */
  readonly writtenMicros: number;
}

/**
 * @throws {CodecError} naming topic, id, table and column
 */
export function ownedRowOf(key: Key, row: Row | undefined): OwnedRow | undefined {
  const pointer = pointerOf(key, row);
  if (row === undefined || pointer === undefined) return undefined;
  return {
    pointer,
    clearedTo: progressOf(row['metadata']).clearedTo,
    created: [row['created'] ?? null, row['created_date'] ?? null, row['origin'] ?? null],
    writtenMicros: numberOf(row['written'], 'WRITETIME(offset)'),
  };
}

const progressText = /^\{(?:"clearedTo":(\d{1,15}))?,?(?:"purgingAt":(\d{1,15}))?\}$/;

/** Anything else in the column is somebody else's, and means nothing. */
function progressOf(cell: unknown): { readonly clearedTo?: number; readonly purgingAt?: Offset } {
  const [, clearedTo, purgingAt] = (typeof cell === 'string' && progressText.exec(cell)) || [];
  return {
    ...(clearedTo !== undefined && { clearedTo: Number(clearedTo) }),
    ...(purgingAt !== undefined && { purgingAt: Number(purgingAt) as Offset }),
  };
}

/**
 * @throws {CodecError} naming topic, id, table and column
 */
export function expiredOf(key: Key, row: Row): ExpiredJournal {
  return { ...journalPlaceOf(key, row), expireOn: String(row['expire_on']) };
}

/**
 * @throws {CodecError} naming topic, id, table and column
 */
export function journalPlaceOf(key: Key, row: Row): JournalPlace {
  try {
    return { id: key.id, at: placeOf(row) };
  } catch (error) {
    throw undecodable(key, error);
  }
}

/**
 * @throws {CodecError} naming topic, id, table and column
 */
export function pointerOf(key: Key, row: Row | undefined): JournalPointer | undefined {
  if (row === undefined) return undefined;
  try {
    const { purgingAt } = progressOf(row['metadata']);
    const { segment_size: size, delete_to: deleteTo, expire_after: after, expire_on: on } = row;
    const sized = typeof size === 'number' && size >= 2;
    return {
      at: placeOf(row),
      segmentSize: sized ? size : defaultSegmentSize,
      seqNr: seqNrOf(row['seq_nr'], 'seq_nr'),
      deleteTo: isNull(deleteTo) ? undefined : seqNrOf(deleteTo, 'delete_to'),
      expiry:
        isNull(after) || isNull(on)
          ? undefined
          : { after: expireAfterOf(after as DurationCell), on: (on as DateCell).toString() },
      recordId: isNull(row['record_id']) ? undefined : (row['record_id'] as UuidCell).toString(),
      ...(purgingAt !== undefined && { purgingAt }),
    };
  } catch (error) {
    throw undecodable(key, error);
  }
}

function undecodable({ topic, id }: Key, cause: unknown): CodecError {
  const column = cause instanceof CodecError ? cause.place.column : undefined;
  return new CodecError('a row of the metajournal cannot be decoded', {
    cause,
    place: { topic, id, table: 'metajournal', ...(column === undefined ? {} : { column }) },
  });
}

function placeOf(row: Row): PartitionOffset {
  return {
    partition: partitionOf(row['partition']),
    offset: numberOf(row['offset'], 'offset') as Offset,
  };
}

function isNull(cell: unknown): cell is null | undefined {
  return cell === null || cell === undefined;
}
