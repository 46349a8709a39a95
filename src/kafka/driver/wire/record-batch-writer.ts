import { crc32c } from '../kafkajs.ts';
import type { Compressor } from './compression.ts';
import type { OutgoingRecord } from './outgoing-record.ts';

/** Who writes a batch, and the number of its first record in the producer's session. */
export interface BatchSender {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly firstSequence: number;
}

const headerBytes = 61;
/** The length of a batch counts the bytes from here on. */
const lengthEndsAt = 12;
const magicAt = 16;
const crcAt = 17;
const attributesAt = 21;
const magic = 2;
/** What the numbers of one record take at most. */
const recordRoomBytes = 64;
const initialScratchBytes = 256 * 1024;
/** Scratch memory beyond this is given back after the batch. */
const keptScratchBytes = 4 * 1024 * 1024;

/**
 * One record batch of message format 2 (its layout stands in `record-batches.ts`). kafkajs makes an
 * encoder and several buffers a record, some 8 µs each; here all records are written, one after
 * another, into memory that the next batch uses again.
 *
 * @param records of one partition, in order; not empty
 */
export function recordBatchOf(
  records: readonly OutgoingRecord[],
  sender: BatchSender,
  codec: Compressor,
): Buffer {
  let firstMs = Number.POSITIVE_INFINITY;
  let lastMs = 0;
  for (const { timestampMs } of records) {
    if (timestampMs < firstMs) firstMs = timestampMs;
    if (timestampMs > lastMs) lastMs = timestampMs;
  }
  const body = codec.compress(writer.write(records, firstMs));
  const batch = Buffer.allocUnsafe(headerBytes + body.length);
  batch.writeBigInt64BE(0n, 0);
  batch.writeInt32BE(batch.length - lengthEndsAt, 8);
  batch.writeInt32BE(0, 12);
  batch.writeInt8(magic, magicAt);
  batch.writeInt16BE(codec.id, attributesAt);
  batch.writeInt32BE(records.length - 1, 23);
  batch.writeBigInt64BE(BigInt(firstMs), 27);
  batch.writeBigInt64BE(BigInt(lastMs), 35);
  batch.writeBigInt64BE(sender.producerId, 43);
  batch.writeInt16BE(sender.producerEpoch, 51);
  batch.writeInt32BE(sender.firstSequence, 53);
  batch.writeInt32BE(records.length, 57);
  body.copy(batch, headerBytes);
  batch.writeUInt32BE(crc32c(batch.subarray(attributesAt)), crcAt);
  return batch;
}

/** Writes records into one piece of memory that grows, and answers a view of it. */
class RecordWriter {
  #bytes = Buffer.allocUnsafe(initialScratchBytes);
  #at = 0;

  /** The view holds until the next call. */
  write(records: readonly OutgoingRecord[], firstMs: number): Buffer {
    if (this.#bytes.length > keptScratchBytes)
      this.#bytes = Buffer.allocUnsafe(initialScratchBytes);
    this.#at = 0;
    for (let index = 0; index < records.length; index++) {
      const record = records[index] as OutgoingRecord;
      this.#record(record, record.timestampMs - firstMs, index);
    }
    return this.#bytes.subarray(0, this.#at);
  }

  #record(record: OutgoingRecord, timestampDelta: number, offsetDelta: number): void {
    const { key, value, headers } = record;
    let headersBytes = 0;
    let count = 0;
    for (const name in headers) {
      count += 1;
      const nameBytes = Buffer.byteLength(name);
      headersBytes += varintLength(nameBytes) + nameBytes + bytesLength(headers[name] as Buffer);
    }
    const length =
      1 +
      varintLength(timestampDelta) +
      varintLength(offsetDelta) +
      bytesLength(key) +
      bytesLength(value) +
      varintLength(count) +
      headersBytes;
    const needed = this.#at + length + recordRoomBytes;
    if (needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, needed));
      this.#bytes.copy(larger, 0, 0, this.#at);
      this.#bytes = larger;
    }
    this.#varint(length);
    this.#bytes[this.#at++] = 0;
    this.#varint(timestampDelta);
    this.#varint(offsetDelta);
    this.#byteString(key);
    this.#byteString(value);
    this.#varint(count);
    for (const name in headers) {
      this.#varint(Buffer.byteLength(name));
      this.#at += this.#bytes.write(name, this.#at);
      this.#byteString(headers[name] as Buffer);
    }
  }

  #byteString(value: Buffer | null): void {
    if (value === null) {
      this.#varint(-1);
      return;
    }
    this.#varint(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
  }

  /** Zigzag; beyond 31 bits by arithmetic, for the times of records that are days apart. */
  #varint(value: number): void {
    let rest = zigzag(value);
    while (rest > 0x7f) {
      this.#bytes[this.#at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#at++] = rest;
  }
}

const writer = new RecordWriter();

function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

function varintLength(value: number): number {
  let length = 1;
  for (let rest = zigzag(value); rest > 0x7f; rest = Math.floor(rest / 0x80)) length += 1;
  return length;
}

function bytesLength(value: Buffer | null): number {
  return value === null ? 1 : varintLength(value.length) + value.length;
}
