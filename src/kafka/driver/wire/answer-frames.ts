/** The smallest answer is a correlation id. */
const minFrameBytes = 4;
/**
 * Far above any answer that is asked for. Text (HTTP, SSH, SMTP) and TLS records, read as a length,
 * are larger.
 */
export const maxFrameBytes = 256 * 1024 * 1024;
const lengthBytes = 4;

/** A stream that is not cut into Kafka's frames. */
export class FramingError extends Error {
  /** The bytes from where it goes wrong. */
  readonly bytes: Buffer;

  constructor(message: string, bytes: Buffer) {
    super(message);
    this.bytes = bytes;
  }
}

/** Cuts what a broker sends into answers: `length int32, correlation id int32, body`. */
export class AnswerFrames {
  #chunks: Buffer[] = [];
  #bytes = 0;
  #needed = lengthBytes;

  /**
   * How long the answer is that has begun and is not complete, in bytes, as far as is known; 0 =
   * none has begun.
   */
  get partialBytes(): number {
    return this.#bytes === 0 ? 0 : this.#needed;
  }

  /**
   * Whole frames, with their length, as far as they are here.
   *
   * @throws {FramingError} no Kafka broker cuts its answers so; nothing after it can be understood
   */
  take(bytes: Buffer): Buffer[] {
    this.#chunks.push(bytes);
    this.#bytes += bytes.length;
    if (this.#bytes < this.#needed) return [];
    const all = this.#chunks.length === 1 ? bytes : Buffer.concat(this.#chunks);
    const frames: Buffer[] = [];
    let at = 0;
    this.#needed = lengthBytes;
    while (all.length - at >= lengthBytes) {
      const length = all.readInt32BE(at);
      if (length < minFrameBytes || length > maxFrameBytes) {
        throw new FramingError(`an answer of ${length} bytes`, all.subarray(at));
      }
      if (all.length - at < lengthBytes + length) {
        this.#needed = lengthBytes + length;
        break;
      }
      frames.push(all.subarray(at, at + lengthBytes + length));
      at += lengthBytes + length;
    }
    this.#bytes = all.length - at;
    this.#chunks = this.#bytes === 0 ? [] : [all.subarray(at)];
    return frames;
  }
}
