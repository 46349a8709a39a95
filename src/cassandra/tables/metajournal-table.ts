import { CodecError } from '../../model/errors.ts';
import type { Expiry, JournalPointer } from '../../model/journal-pointer.ts';
import type { Key } from '../../model/key.ts';
import type { Offset, Partition, PartitionOffset } from '../../model/position.ts';
import type { SeqNr } from '../../model/seq-nr.ts';
import { cqlDuration, type Params, type Row } from '../cassandra-session.ts';
import {
  type DateCell,
  type DurationCell,
  daysAndNanos,
  expireAfterOf,
  numberOf,
  seqNrOf,
  seqNrParam,
  type UuidCell,
  utcDate,
  uuidParam,
} from '../cassandra-values.ts';
import { defaultSegmentSize, type SegmentNr } from '../segment.ts';
import { insertCql } from './insert-cql.ts';

/** Statements of the table that holds one row a journal (docs/format.md#tables). */
export interface MetaJournalStatements {
  readonly insert: string;
  readonly selectHead: string;
  readonly selectIds: string;
  readonly updateAll: string;
  readonly updateSeqNr: string;
  readonly updateExpiry: string;
  readonly updateDeleteTo: string;
  readonly updateOffset: string;
  readonly deleteExpiry: string;
  readonly delete: string;
}

export function metaJournalStatements(table: string): MetaJournalStatements {
  const where = 'WHERE id = ? AND topic = ? AND segment = ?';
  const set = (...columns: string[]) => {
    const values = ['partition', 'offset', 'updated', ...columns].map((it) => `${it} = ?`);
    return `UPDATE ${table} SET ${values.join(', ')} ${where}`;
  };
  return {
    insert: insertCql(table, insertColumns),
    selectHead: `SELECT ${headColumns.join(', ')} FROM ${table} ${where}`,
    selectIds: `SELECT id FROM ${table} WHERE topic = ? AND segment = ?`,
    updateAll: set('seq_nr', 'delete_to'),
    updateSeqNr: set('seq_nr'),
    updateExpiry: set('seq_nr', 'expire_after', 'expire_on'),
    updateDeleteTo: set('delete_to'),
    updateOffset: set(),
    deleteExpiry: `DELETE expire_after, expire_on FROM ${table} ${where}`,
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
];

export const rowParams = (key: Key, segment: SegmentNr): Params => [key.id, key.topic, segment];

export interface NewRow {
  readonly pointer: JournalPointer;
  readonly origin: string | undefined;
  readonly nowMs: number;
}

export function insertParams(
  key: Key,
  segment: SegmentNr,
  { pointer, origin, nowMs }: NewRow,
): Params {
  const { at, segmentSize, seqNr, deleteTo, expiry, recordId } = pointer;
  return [
    key.topic,
    segment,
    key.id,
    at.partition,
    at.offset,
    segmentSize,
    seqNrParam(seqNr),
    seqNrParam(deleteTo),
    nowMs,
    utcDate(nowMs),
    nowMs,
    ...expiryParams(expiry),
    uuidParam(recordId),
    origin,
  ];
}

/** What every update binds, then `columns` in the order of the statement. */
export function updateParams(
  row: { readonly key: Key; readonly segment: SegmentNr },
  {
    at,
    nowMs,
    columns = [],
  }: { readonly at: PartitionOffset; readonly nowMs: number; readonly columns?: Params },
): Params {
  return [at.partition, at.offset, nowMs, ...columns, ...rowParams(row.key, row.segment)];
}

export function expiryParams(expiry: Expiry | undefined): Params {
  if (expiry === undefined) return [undefined, undefined];
  const { days, nanos } = daysAndNanos(expiry.after);
  return [cqlDuration(days, nanos), expiry.on];
}

/** @throws {CodecError} naming topic and id */
export function pointerOf(key: Key, row: Row | undefined): JournalPointer | undefined {
  if (row === undefined) return undefined;
  try {
    return decode(row);
  } catch (error) {
    const place = { topic: key.topic, id: key.id };
    throw new CodecError('a row of the metajournal cannot be decoded', { cause: error, place });
  }
}

function decode(row: Row): JournalPointer {
  const { segment_size: size, delete_to: deleteTo, expire_after: after, expire_on: on } = row;
  const sized = typeof size === 'number' && size >= 2;
  return {
    at: {
      partition: (row['partition'] ?? 0) as Partition,
      offset: numberOf(row['offset'], 'offset') as Offset,
    },
    segmentSize: sized ? size : defaultSegmentSize,
    seqNr: seqNrOf(row['seq_nr'], 'seq_nr'),
    deleteTo: isNull(deleteTo) ? undefined : seqNrOf(deleteTo, 'delete_to'),
    expiry:
      isNull(after) || isNull(on)
        ? undefined
        : { after: expireAfterOf(after as DurationCell), on: (on as DateCell).toString() },
    recordId: isNull(row['record_id']) ? undefined : (row['record_id'] as UuidCell).toString(),
  };
}

function isNull(cell: unknown): cell is null | undefined {
  return cell === null || cell === undefined;
}

/** The higher of two numbers, one of which may be missing. */
export function highest(seqNr: SeqNr, other: SeqNr | undefined): SeqNr {
  return other !== undefined && other > seqNr ? other : seqNr;
}
