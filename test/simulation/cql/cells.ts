import type { DateCell, Int64, UuidCell } from '../../../src/stores/cassandra/values.ts';

/** How a bound value comes back, by column, as the driver decodes it. */
const bigints = new Set([
  'seq_nr',
  'offset',
  'delete_to',
  'purge_offset',
  'purged_at',
  'due',
  'bucket',
]);
const uuids = new Set(['record_id', 'meta_record_id']);
const dates = new Set(['expire_on', 'created_date']);
const timestamps = new Set(['timestamp', 'created', 'updated']);

/** What the driver makes of a stored value. */
export type CellReader = (value: unknown) => unknown;

export function readerOf(column: string): CellReader {
  const read = presentReaderOf(column);
  return (value) => (value === null || value === undefined ? null : read(value));
}

function presentReaderOf(column: string): CellReader {
  if (bigints.has(column)) return int64Of;
  if (uuids.has(column)) return (value) => uuidOf(value as Buffer);
  if (dates.has(column)) return (value) => ({ toString: () => value as string }) satisfies DateCell;
  if (timestamps.has(column)) {
    return (value) => (value instanceof Date ? value : new Date(value as number));
  }
  return (value) => (isEmpty(value) ? null : value);
}

/** An empty set or map is stored as nothing. */
function isEmpty(value: unknown): boolean {
  if (value instanceof Map) return value.size === 0;
  return Array.isArray(value) && value.length === 0;
}

const twoTo32 = 0x1_0000_0000;

function int64Of(value: unknown): Int64 {
  if (typeof value !== 'number') return largeInt64(BigInt(String(value)));
  const high = Math.floor(value / twoTo32);
  return { high, low: (value % twoTo32) | 0, toString: () => String(value) };
}

function largeInt64(value: bigint): Int64 {
  const high = Number(value >> 32n);
  return { high, low: Number(value & 0xffff_ffffn) | 0, toString: () => String(value) };
}

function uuidOf(buffer: Buffer): UuidCell {
  return {
    buffer,
    toString: () => {
      const hex = buffer.toString('hex');
      const groups = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20)];
      return `${groups.join('-')}-${hex.slice(20)}`;
    },
  };
}

/** Order of two clustering or compared values. */
export function compareCells(a: unknown, b: unknown): number {
  if (a === b) return 0;
  if (typeof a === 'string' && typeof b === 'string' && !isDecimal(a, b)) return a < b ? -1 : 1;
  return Number(a) - Number(b);
}

/** A sequence number without bound is bound as text. */
function isDecimal(a: string, b: string): boolean {
  return /^\d+$/.test(a) && /^\d+$/.test(b);
}
