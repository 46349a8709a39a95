import { CodecError } from '../model/errors.ts';
import { asBuffer, decodeUtf8Strict } from './utf8.ts';

/** Reads big-endian values from front to back; nothing is read beyond the end of the block. */
export class ByteReader {
  readonly #bytes: Buffer;
  #at: number;
  readonly #end: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = asBuffer(bytes);
    this.#at = start;
    this.#end = end;
  }

  /** How many bytes are left. */
  get left(): number {
    return this.#end - this.#at;
  }

  readUint8(what: string): number {
    return this.#bytes.readUInt8(this.#advance(1, what));
  }

  readInt32(what: string): number {
    return this.#bytes.readInt32BE(this.#advance(4, what));
  }

  readUint32(what: string): number {
    return this.#bytes.readUInt32BE(this.#advance(4, what));
  }

  /**
   * The next `length` bytes as a reader of their own.
   *
   * @throws {CodecError} when there are less
   */
  readBlock(length: number, what: string): ByteReader {
    const start = this.#advance(length, what);
    return new ByteReader(this.#bytes, start, start + length);
  }

  /** The next `length` bytes, sharing memory with the source. */
  readBytes(length: number, what: string): Buffer {
    const start = this.#advance(length, what);
    return this.#bytes.subarray(start, start + length);
  }

  /** The next `length` bytes as strict UTF-8. */
  readUtf8(length: number, what: string): string {
    return decodeUtf8Strict(this.readBytes(length, what), what);
  }

  /**
   * An int32 size, then that number of bytes as a reader of their own. A negative size counts as 0:
   * so do JVM readers, wherever no event list depends on it.
   */
  readSizedBlock(what: string): ByteReader {
    return this.readBlock(Math.max(0, this.readInt32(`${what} size`)), what);
  }

  /** As {@link readSizedBlock}, as strict UTF-8. */
  readSizedUtf8(what: string): string {
    const block = this.readSizedBlock(what);
    return block.readUtf8(block.left, what);
  }

  /** Everything up to the end of the block. */
  readRest(): Buffer {
    return this.readBytes(this.left, 'rest');
  }

  #advance(length: number, what: string): number {
    if (length < 0 || length > this.left) {
      throw new CodecError(`${what} takes ${length} bytes, but ${this.left} are left`);
    }
    const start = this.#at;
    this.#at += length;
    return start;
  }
}

/** Writes big-endian values into a block whose size is known beforehand. */
export class ByteWriter {
  /** The block; complete when everything announced has been written. */
  readonly bytes: Buffer;
  #at = 0;

  constructor(size: number) {
    this.bytes = Buffer.allocUnsafe(size);
  }

  writeUint8(value: number): void {
    this.#at = this.bytes.writeUInt8(value, this.#at);
  }

  writeInt32(value: number): void {
    this.#at = this.bytes.writeInt32BE(value, this.#at);
  }

  writeUint32(value: number): void {
    this.#at = this.bytes.writeUInt32BE(value, this.#at);
  }

  writeBytes(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** An int32 length, then the bytes. */
  writeSized(bytes: Uint8Array): void {
    this.writeInt32(bytes.length);
    this.writeBytes(bytes);
  }
}
