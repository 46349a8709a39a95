import { isUtf8 } from 'node:buffer';
import { CodecError, type DataPlace, JournalError } from '../model/errors.ts';
import type { LogHeader, LogRecord } from '../model/log-record.ts';
import { Offset } from '../model/position.ts';

/**
 * Kafka's record batches (message format 2), decoded as far as asked: headers of batches first,
 * then the keys, then whole records. All integers are big-endian, `varint` is zigzag.
 *
 * ```
 * batch  = baseOffset int64, length int32, leaderEpoch int32, magic int8 = 2, crc uint32,
 *          attributes int16 (0-2 compression, 3 log-append time, 4 transaction, 5 control),
 *          lastOffsetDelta int32, baseTimestamp int64, maxTimestamp int64, producerId int64,
 *          producerEpoch int16, baseSequence int32, count int32, records (compressed together)
 * record = length varint, attributes int8, timestampDelta varlong, offsetDelta varint,
 *          key varint + bytes, value varint + bytes,
 *          count varint, [name varint + bytes, value varint + bytes]
 * ```
 */
export interface RecordBatch {
  /** Offset of the first record as written; compaction may have removed it. */
  readonly baseOffset: number;
  /**
   * Offset of the last one; with a control batch too, no record before the next batch is above it.
   */
  readonly lastOffset: number;
  /** Transaction markers: no records for consumers. */
  readonly control: boolean;
  readonly compression: number;
  readonly count: number;
  /** `undefined` = the records have none. */
  readonly baseTimestampMs: number | undefined;
  /** Set when the broker's time holds for all records of the batch. */
  readonly appendTimestampMs: number | undefined;
  /** Records, still compressed. */
  readonly body: Buffer;
}

const headerBytes = 61;
const lengthEndsAt = 12;
const magicAt = 16;
const attributesAt = 21;
const supportedMagic = 2;
const compressionMask = 0x07;
const appendTimeFlag = 0x08;
const controlFlag = 0x20;

/**
 * The whole batches of a fetch answer, in order; the last one may be cut off and is left out.
 *
 * @throws {RangeError} the bytes are no batch of format 2
 */
export function recordBatchesOf(bytes: Buffer): RecordBatch[] {
  const batches: RecordBatch[] = [];
  let at = 0;
  while (at + headerBytes <= bytes.length) {
    const length = bytes.readInt32BE(at + 8);
    const end = at + lengthEndsAt + length;
    if (end > bytes.length) break;
    const magic = bytes.readInt8(at + magicAt);
    if (magic !== supportedMagic || length < headerBytes - lengthEndsAt) {
      throw new RangeError(`message format ${magic} is not supported`);
    }
    const baseOffset = Number(bytes.readBigInt64BE(at));
    const attributes = bytes.readInt16BE(at + attributesAt);
    const baseTimestampMs = Number(bytes.readBigInt64BE(at + 27));
    const maxTimestampMs = Number(bytes.readBigInt64BE(at + 35));
    batches.push({
      baseOffset,
      lastOffset: baseOffset + bytes.readInt32BE(at + 23),
      control: (attributes & controlFlag) !== 0,
      compression: attributes & compressionMask,
      count: bytes.readInt32BE(at + 57),
      baseTimestampMs: baseTimestampMs < 0 ? undefined : baseTimestampMs,
      appendTimestampMs: (attributes & appendTimeFlag) === 0 ? undefined : maxTimestampMs,
      body: bytes.subarray(at + headerBytes, end),
    });
    at = end;
  }
  return batches;
}

/**
 * Walks the records of one decompressed batch. After `next`, `offset` and `keyText` are the
 * record's.
 */
export class RecordCursor {
  readonly #batch: RecordBatch;
  readonly #bytes: Buffer;
  #left: number;
  #at = 0;
  #end = 0;
  #timestampDelta = 0;
  #keyAt = 0;
  #restAt = 0;
  #keyLength = -1;
  offset = -1;

  constructor(batch: RecordBatch, bytes: Buffer) {
    this.#batch = batch;
    this.#bytes = bytes;
    this.#left = batch.count;
  }

  /**
   * Moves to the next record; false when there is none.
   *
   * @throws {RangeError} the records do not fill the batch as announced
   */
  next(): boolean {
    if (this.#left === 0) return false;
    this.#left -= 1;
    this.#at = this.#end;
    const length = this.#varint();
    this.#end = this.#at + length;
    if (length < 0 || this.#end > this.#bytes.length) throw new RangeError('a record is cut off');
    this.#at += 1;
    this.#timestampDelta = this.#varint();
    this.offset = this.#batch.baseOffset + this.#varint();
    this.#keyLength = this.#varint();
    this.#keyAt = this.#at;
    this.#restAt = this.#at + Math.max(0, this.#keyLength);
    return true;
  }

  /** The key's bytes as one character a byte; `undefined` without a key. For comparing, cheaply. */
  keyText(): string | undefined {
    if (this.#keyLength < 0) return undefined;
    return this.#bytes.toString('latin1', this.#keyAt, this.#keyAt + this.#keyLength);
  }

  /**
   * The first header of that name in a record without value; `undefined` when the record has a
   * value, or no such header. Builds nothing else: most records are passed over.
   *
   * @throws {RangeError} the record is not as long as announced
   */
  headerWithoutValue(name: Buffer): Buffer | undefined {
    this.#at = this.#restAt;
    if (this.#varint() >= 0) return undefined;
    for (let left = this.#varint(); left > 0; left--) {
      const found = this.#field();
      const content = this.#field();
      if (found?.equals(name)) return content;
    }
    return undefined;
  }

  /**
   * Decodes the rest of the record. Its bytes are views of the batch.
   *
   * @throws {RangeError} the record is not as long as announced
   */
  record(): LogRecord {
    this.#at = this.#restAt;
    const key =
      this.#keyLength < 0
        ? undefined
        : this.#bytes.subarray(this.#keyAt, this.#keyAt + this.#keyLength);
    const value = this.#field();
    const headers: LogHeader[] = [];
    for (let left = this.#varint(); left > 0; left--) headers.push(this.#header());
    if (this.#at !== this.#end)
      throw new RangeError('a record is longer or shorter than announced');
    const { appendTimestampMs, baseTimestampMs } = this.#batch;
    const ownTimestampMs =
      baseTimestampMs === undefined ? undefined : baseTimestampMs + this.#timestampDelta;
    return {
      offset: Offset.of(this.offset),
      key,
      value,
      timestampMs: appendTimestampMs ?? ownTimestampMs,
      headers,
    };
  }

  #header(): LogHeader {
    const length = this.#varint();
    const start = this.#at;
    this.#at += length;
    const name = this.#bytes.toString('utf8', start, this.#at);
    const bytes = name.includes('\ufffd') ? this.#bytes.subarray(start, this.#at) : undefined;
    // A header without value stays without: the codec refuses it where it matters.
    const value = this.#field();
    return bytes === undefined || isUtf8(bytes) ? [name, value] : [name, value, bytes];
  }

  #field(): Buffer | undefined {
    const length = this.#varint();
    if (length < 0) return undefined;
    const bytes = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return bytes;
  }

  /** Zigzag varint of up to 53 significant bits: lengths, offset deltas and timestamp deltas. */
  #varint(): number {
    const bytes = this.#bytes;
    let byte = bytes[this.#at++] as number;
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
    let raw = byte & 0x7f;
    let factor = 0x80;
    do {
      byte = bytes[this.#at++] as number;
      if (byte === undefined || factor > Number.MAX_SAFE_INTEGER)
        throw new RangeError('bad varint');
      raw += (byte & 0x7f) * factor;
      factor *= 0x80;
    } while (byte >= 0x80);
    return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2;
  }
}

/**
 * Runs `work` on bytes of the log at a place.
 *
 * @throws {CodecError} they break the record format; names the place
 */
export function locating<T>(place: DataPlace, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (cause instanceof JournalError) throw cause;
    throw new CodecError('records of the log cannot be decoded', { cause, place });
  }
}
