import { murmur2 } from '../../../codec/java-hash.ts';
import { mayOpenTenure } from '../../../codec/record/action-record-codec.ts';
import { DataIntegrityError } from '../../../model/errors.ts';
import type { LogHeader, LogRecord } from '../../../model/log-record.ts';
import type { Offset } from '../../../model/position.ts';

/** A record on its way into the log, which gives it its offset. */
export type NewRecord = Omit<LogRecord, 'offset'>;

/** A row of `log_batch` with its body. */
export interface BatchRow {
  readonly first_offset: number;
  readonly last_offset: number;
  readonly keys: Uint8Array;
  readonly body: Uint8Array;
}

/*
 * keys:   (murmur2 of the key i32)*                         one a record; 0 without key
 *         (index i32)*                                      of each record that may open a tenure
 * body:   record*
 * record: size u32 (of the rest) | timestamp f64 (NaN = none) | key bytes | value bytes
 *         | headers u16 | (name bytes, value bytes)*
 * bytes:  length i32 (-1 = absent) | bytes of that length   all numbers little-endian
 */
const fixedBytes = 4 + 8 + 4 + 4 + 2;
const absent = -1;

/** Bytes of one record in `body`. */
export function recordBytes(record: NewRecord): number {
  let bytes = fixedBytes + (record.key?.length ?? 0) + (record.value?.length ?? 0);
  for (const [name, value] of record.headers)
    bytes += 8 + Buffer.byteLength(name) + (value?.length ?? 0);
  return bytes;
}

/** Writes records whose `recordBytes` add up to `bytes`. */
export function encodeBatch(
  records: readonly NewRecord[],
  bytes: number,
): { readonly keys: Uint8Array; readonly body: Uint8Array } {
  let keys = new Int32Array(records.length);
  const openings: number[] = [];
  const body = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (let i = 0; i < records.length; i++) {
    const record = records[i] as NewRecord;
    keys[i] = record.key === undefined ? 0 : murmur2(record.key);
    at = writeRecord(body, at, record);
    if (mayOpenTenure(record)) openings.push(i);
  }
  if (openings.length > 0) keys = Int32Array.of(...keys, ...openings);
  return { keys: new Uint8Array(keys.buffer), body };
}

function writeRecord(body: Buffer, start: number, record: NewRecord): number {
  let at = body.writeDoubleLE(record.timestampMs ?? Number.NaN, start + 4);
  at = writeBytes(body, at, record.key);
  at = writeBytes(body, at, record.value);
  at = body.writeUInt16LE(record.headers.length, at);
  for (const [name, value] of record.headers) {
    const end = at + 4 + body.write(name, at + 4);
    body.writeInt32LE(end - at - 4, at);
    at = writeBytes(body, end, value);
  }
  body.writeUInt32LE(at - start - 4, start);
  return at;
}

function writeBytes(body: Buffer, at: number, bytes: Uint8Array | undefined): number {
  if (bytes === undefined) return body.writeInt32LE(absent, at);
  body.set(bytes, at + 4);
  return body.writeInt32LE(bytes.length, at) + bytes.length;
}

/**
 * The records of a row with `offset >= from`; when `key` is given those of this key, and those of
 * any key that may open a tenure.
 *
 * @throws {DataIntegrityError} naming the offset of the record that does not fit its row
 */
export function decodeBatch(row: BatchRow, from: number, key: Uint8Array | undefined): LogRecord[] {
  const body = Buffer.from(row.body.buffer, row.body.byteOffset, row.body.byteLength);
  const keys = Buffer.from(row.keys.buffer, row.keys.byteOffset, row.keys.byteLength);
  const wanted = key === undefined ? undefined : murmur2(key);
  const openings = openingsOf(row, keys);
  const records: LogRecord[] = [];
  let at = 0;
  for (let offset = row.first_offset, i = 0; offset <= row.last_offset; offset++, i += 4) {
    const end = endOfRecord(body, at);
    if (end > body.length || i + 4 > keys.length) throw damaged(offset);
    const mayOpen = openings.includes(i / 4);
    if (offset >= from && (wanted === undefined || mayOpen || keys.readInt32LE(i) === wanted)) {
      const record = readRecord(body.subarray(at, end), offset as Offset);
      if (key === undefined || mayOpen || isKey(record, key)) records.push(record);
    }
    at = end;
  }
  return records;
}

/** Beyond the body when the record does not fit. */
function endOfRecord(body: Buffer, at: number): number {
  return at + fixedBytes > body.length ? body.length + 1 : at + 4 + body.readUInt32LE(at);
}

/**
 * True when a row has a record whose key may have this murmur2, or one that may open a tenure; a
 * reader still looks at the records.
 */
export function mayBeWanted(row: Omit<BatchRow, 'body'>, wanted: number): boolean {
  const keys = Buffer.from(row.keys.buffer, row.keys.byteOffset, row.keys.byteLength);
  if (keys.length > keysEnd(row)) return true;
  for (let i = 0; i < keys.length; i += 4) if (keys.readInt32LE(i) === wanted) return true;
  return false;
}

/** Indexes of the records that may open a tenure. */
function openingsOf(row: BatchRow, keys: Buffer): readonly number[] {
  const openings: number[] = [];
  for (let i = keysEnd(row); i + 4 <= keys.length; i += 4) openings.push(keys.readInt32LE(i));
  return openings;
}

/** Where the hashes of the keys end. */
function keysEnd({ first_offset, last_offset }: Omit<BatchRow, 'body'>): number {
  return (last_offset - first_offset + 1) * 4;
}

/** The bytes of the record's key are these. */
export function isKey(record: LogRecord, key: Uint8Array): boolean {
  return record.key !== undefined && Buffer.compare(record.key, key) === 0;
}

function readRecord(body: Buffer, offset: Offset): LogRecord {
  try {
    const timestampMs = body.readDoubleLE(4);
    let at = 12;
    const key = readBytes(body, at);
    at += 4 + (key?.length ?? 0);
    const value = readBytes(body, at);
    at += 4 + (value?.length ?? 0);
    const headers: LogHeader[] = [];
    const count = body.readUInt16LE(at);
    at += 2;
    for (let i = 0; i < count; i++) {
      const name = readBytes(body, at) ?? Buffer.alloc(0);
      at += 4 + name.length;
      const content = readBytes(body, at);
      at += 4 + (content?.length ?? 0);
      headers.push([name.toString('utf8'), content]);
    }
    const known = Number.isNaN(timestampMs) ? undefined : timestampMs;
    return { offset, key, value, timestampMs: known, headers };
  } catch (error) {
    // A length that leads out of the record ends in a `RangeError`, of the buffer or of ours.
    throw error instanceof RangeError ? damaged(offset) : error;
  }
}

function readBytes(body: Buffer, at: number): Buffer | undefined {
  const length = body.readInt32LE(at);
  if (length === absent) return undefined;
  if (length < 0 || at + 4 + length > body.length) throw new RangeError('beyond the record');
  return body.subarray(at + 4, at + 4 + length);
}

function damaged(offset: number): DataIntegrityError {
  return new DataIntegrityError('a row of log_batch does not hold its records', {
    place: { offset },
  });
}
