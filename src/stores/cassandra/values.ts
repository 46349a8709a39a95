import { CodecError } from '../../model/errors.ts';
import { ExpireAfter } from '../../model/expire-after.ts';
import type { Offset, Partition, Topic, TopicPartition } from '../../model/position.ts';
import { SeqNr } from '../../model/seq-nr.ts';
import { shown } from '../../model/shown.ts';

/** A bigint cell as the driver decodes it; the fields are its stable public ones. */
export interface Int64 {
  readonly high: number;
  readonly low: number;
  toString(): string;
}

/** A uuid cell as the driver decodes it. */
export interface UuidCell {
  readonly buffer: Buffer;
  toString(): string;
}

/** A date cell; prints as `yyyy-mm-dd`. */
export interface DateCell {
  toString(): string;
}

/** A duration cell as the driver decodes it; months are ignored. */
export interface DurationCell {
  readonly days: number;
  readonly nanoseconds: Int64;
}

/** 2^63-1, which stands for "no upper bound" on the wire. */
const noUpperBound = '9223372036854775807';

/** A bigint cell as a number; null reads as 0, as on the JVM. */
export function numberOf(cell: unknown, column: string): number {
  if (cell === null || cell === undefined) return 0;
  const { high, low } = cell as Int64;
  // 2^53 is 2^21 in the upper half.
  if (high < 0x20_0000 && high >= 0) return high * 0x1_0000_0000 + (low >>> 0);
  const text = `column ${column} holds ${(cell as Int64).toString()}, outside 0 .. 2^53-1`;
  throw new CodecError(text, { place: { column } });
}

/** A partition; null reads as 0, as on the JVM. */
export function partitionOf(cell: unknown): Partition {
  const partition = cell ?? 0;
  if (typeof partition === 'number' && partition >= 0) return partition as Partition;
  throw new CodecError(`column partition holds ${shown(partition)}, not a partition`, {
    place: { column: 'partition' },
  });
}

/**
 * The replicated offset of a partition.
 *
 * @throws {CodecError} naming topic, partition, table and column
 */
export function replicatedOffsetOf(topic: Topic, partition: Partition, cell: unknown): Offset {
  return offsetIn('pointer2', { topic, partition }, cell);
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
    return numberOf(cell, 'offset') as Offset;
  } catch (cause) {
    throw new CodecError(`a row of ${table} cannot be decoded`, {
      cause,
      place: { topic, partition, table, column: 'offset' },
    });
  }
}

/** A sequence number; 2^63-1 is `SeqNr.max`. */
export function seqNrOf(cell: unknown, column: string): SeqNr {
  const int64 = cell as Int64 | null | undefined;
  if (int64?.high === 0x7fff_ffff && int64.toString() === noUpperBound) return SeqNr.max;
  const value = numberOf(cell, column);
  if (value < 1 || value === SeqNr.max) {
    throw new CodecError(`column ${column} holds ${int64?.toString()}, not a sequence number`, {
      place: { column },
    });
  }
  return value as SeqNr;
}

/** What to bind for a sequence number. */
export function seqNrParam(seqNr: SeqNr | undefined): number | string | undefined {
  return seqNr === SeqNr.max ? noUpperBound : seqNr;
}

const nanosPerDay = 86_400_000_000_000n;

/** Whole days, truncated, and the rest in nanoseconds (docs/format.md#tables). */
export function daysAndNanos(value: ExpireAfter): {
  readonly days: number;
  readonly nanos: bigint;
} {
  const nanos = ExpireAfter.toNanos(value);
  return { days: Number(nanos / nanosPerDay), nanos: nanos % nanosPerDay };
}

/** Months are ignored, as on the JVM; the coarsest exact unit. */
export function expireAfterOf({ days, nanoseconds }: DurationCell): ExpireAfter {
  return ExpireAfter.ofNanos(BigInt(days) * nanosPerDay + BigInt(nanoseconds.toString()));
}

/** UTC calendar date of an instant, `yyyy-mm-dd`. */
export function utcDate(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** The driver binds blobs from `Buffer` only. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A uuid text as the bytes that are bound: cheaper per row than the text. */
export function uuidParam(uuid: string | undefined): Buffer | undefined {
  return uuid === undefined ? undefined : Buffer.from(uuid.replaceAll('-', ''), 'hex');
}
