import { CodecError } from '../../model/errors.ts';
import { ExpireAfter } from '../../model/expire-after.ts';
import type { JournalPointer } from '../../model/journal-pointer.ts';
import type { Key } from '../../model/key.ts';
import type { Offset, Partition, Topic, TopicPartition } from '../../model/position.ts';
import { SeqNr } from '../../model/seq-nr.ts';
import { shown } from '../../model/shown.ts';
import type { WakeUpEntry } from '../../model/wake-up.ts';
import type { ExpiredJournal, JournalPlace } from '../../ports/replicated-journal.ts';
import { reasonOf } from '../kept-wake-ups.ts';

/*
 * Cells of rows, proven before they are taken for what their column should hold: others may have
 * written them. An integer that no `number` holds comes as a `bigint`.
 */

/** Cells of `metajournal` that make a pointer. */
export interface PointerCells {
  readonly partition: unknown;
  readonly offset: unknown;
  readonly segmentSize: number;
  readonly seqNr: unknown;
  readonly deleteTo: unknown;
  readonly expireAfter: unknown;
  readonly expireOn: unknown;
  readonly recordId: unknown;
}

/**
 * @throws {CodecError} naming topic, id, table and column
 */
export function pointerOf(key: Key, cells: PointerCells): JournalPointer {
  try {
    return {
      at: { partition: partitionOf(cells.partition), offset: offsetOf(cells.offset) },
      segmentSize: cells.segmentSize,
      seqNr: seqNrOf(cells.seqNr, 'seq_nr'),
      deleteTo: cells.deleteTo === null ? undefined : seqNrOf(cells.deleteTo, 'delete_to'),
      expiry: expiryOf(cells),
      recordId: cells.recordId === null ? undefined : textOf(cells.recordId, 'record_id'),
    };
  } catch (cause) {
    throw undecodableRow('metajournal', key, cause);
  }
}

/** Cells of `metajournal` that say where and when a journal has expired. */
export interface ExpiryCells extends Pick<PointerCells, 'partition' | 'offset'> {
  readonly expireOn: string;
}

/**
 * A journal whose time is over.
 *
 * @throws {CodecError} naming topic, id, table and column
 */
export function expiredOf(key: Key, cells: ExpiryCells): ExpiredJournal {
  return { ...journalPlaceOf(key, cells), expireOn: cells.expireOn };
}

/**
 * A journal, and the place of the last record that was applied to it.
 *
 * @throws {CodecError} naming topic, id, table and column
 */
export function journalPlaceOf(
  key: Key,
  cells: Pick<PointerCells, 'partition' | 'offset'>,
): JournalPlace {
  try {
    const at = { partition: partitionOf(cells.partition), offset: offsetOf(cells.offset) };
    return { id: key.id, at };
  } catch (cause) {
    throw undecodableRow('metajournal', key, cause);
  }
}

/** Cells of `wake_ups`. */
export interface WakeUpCells {
  readonly due: unknown;
  readonly reason: unknown;
  readonly offset: unknown;
}

/**
 * What a journal waits for.
 *
 * @throws {CodecError} naming topic, id, table and column
 */
export function wakeUpOf(key: Key, { due, reason, offset }: WakeUpCells): WakeUpEntry {
  try {
    const dueMs = integerOf(due, 'due');
    return { id: key.id, dueMs, reason: reasonOf(reason), offset: offsetOf(offset) };
  } catch (cause) {
    throw undecodableRow('wake_ups', key, cause);
  }
}

/**
 * The replicated offset of a partition.
 *
 * @throws {CodecError} naming topic, partition, table and column
 */
export function pointerOffset(topic: Topic, partition: Partition, cell: unknown): Offset {
  return offsetIn('pointer', { topic, partition }, cell);
}

/**
 * The offset in a row of a partition.
 *
 * @throws {CodecError} naming topic, partition, table and column
 */
export function offsetIn(
  table: string,
  { topic, partition }: TopicPartition,
  cell: unknown,
): Offset {
  try {
    return offsetOf(cell);
  } catch (cause) {
    throw new CodecError(`a row of ${table} cannot be decoded`, {
      cause,
      place: { topic, partition, table, column: 'offset' },
    });
  }
}

/** A row of the table, or rather the column that `cause` names, cannot be decoded. */
function undecodableRow(table: string, { topic, id }: Key, cause: unknown): CodecError {
  const column = cause instanceof CodecError ? cause.place.column : undefined;
  return new CodecError(`a row of ${table} cannot be decoded`, {
    cause,
    place: { topic, id, table, ...(column === undefined ? {} : { column }) },
  });
}

/**
 * A sequence number of 1 to 2^53-1.
 *
 * @throws {CodecError} naming the column
 */
export function seqNrOf(cell: unknown, column: string): SeqNr {
  if (Number.isSafeInteger(cell) && (cell as number) >= SeqNr.min) return cell as SeqNr;
  throw refusal(column, 'a sequence number', cell);
}

/**
 * A partition of 0 to 2^31-1.
 *
 * @throws {CodecError} naming the column
 */
export function partitionOf(cell: unknown): Partition {
  const ok = Number.isInteger(cell) && (cell as number) >= 0 && (cell as number) <= 0x7fffffff;
  if (ok) return cell as Partition;
  throw refusal('partition', 'a partition', cell);
}

/**
 * An offset of 0 to 2^53-1.
 *
 * @throws {CodecError} naming the column
 */
export function offsetOf(cell: unknown): Offset {
  if (Number.isSafeInteger(cell) && (cell as number) >= 0) return cell as Offset;
  throw refusal('offset', 'an offset', cell);
}

/**
 * A safe integer.
 *
 * @throws {CodecError} naming the column
 */
export function integerOf(cell: unknown, column: string): number {
  if (Number.isSafeInteger(cell)) return cell as number;
  throw refusal(column, 'an integer', cell);
}

/**
 * A text, not null.
 *
 * @throws {CodecError} naming the column
 */
export function textOf(cell: unknown, column: string): string {
  if (typeof cell === 'string') return cell;
  throw refusal(column, 'a text', cell);
}

/** Earlier versions took durations that are longer than those of the JVM. */
const integerText = /^-?\d{1,40}$/;
const dayText = /^\d{4}-\d\d-\d\d$/;

function expiryOf({ expireAfter: after, expireOn: on }: PointerCells): JournalPointer['expiry'] {
  if (after === null || on === null) return undefined;
  if (typeof after !== 'string' || !integerText.test(after))
    throw refusal('expire_after', 'a number of nanoseconds', after);
  if (typeof on !== 'string' || !dayText.test(on)) throw refusal('expire_on', 'a day', on);
  return { after: ExpireAfter.ofNanos(BigInt(after)), on };
}

function refusal(column: string, what: string, cell: unknown): CodecError {
  return new CodecError(`column ${column} holds ${shown(cell)}, not ${what}`, {
    place: { column },
  });
}
