import { isUtf8 } from 'node:buffer';
import { CodecError, InvalidInputError } from '../model/errors.ts';

/**
 * UTF-8 of a well-formed string.
 *
 * @param what names the value in the error
 * @throws {InvalidInputError} when `text` holds an unpaired surrogate, which UTF-8 cannot carry
 * (docs/format.md#strings)
 */
export function encodeUtf8(text: string, what = 'text'): Buffer {
  if (!text.isWellFormed()) {
    throw new InvalidInputError(`${what} holds an unpaired surrogate: ${JSON.stringify(text)}`);
  }
  return Buffer.from(text, 'utf8');
}

/**
 * The string that `bytes` are the UTF-8 of. A leading U+FEFF is content and stays.
 *
 * @param what names the value in the error
 * @throws {CodecError} when the bytes are malformed
 */
export function decodeUtf8Strict(bytes: Uint8Array, what = 'text'): string {
  if (!isUtf8(bytes)) throw new CodecError(`${what} is not valid UTF-8`);
  return asBuffer(bytes).toString('utf8');
}

/**
 * As {@link decodeUtf8Strict}, but malformed bytes become U+FFFD as Java does it: the rule for
 * record keys, which must give the JVM's id. A surrogate coded in three bytes is one such unit,
 * where Node makes three of it.
 */
export function decodeUtf8Lenient(bytes: Uint8Array): string {
  const buffer = asBuffer(bytes);
  if (isUtf8(buffer)) return buffer.toString('utf8');
  let text = '';
  let start = 0;
  for (let at = buffer.indexOf(0xed); at !== -1; at = buffer.indexOf(0xed, at + 1)) {
    const size = codedSurrogateSize(buffer, at);
    if (size === 0) continue;
    text += `${buffer.toString('utf8', start, at)}\ufffd`;
    start = at + size;
  }
  return text + buffer.toString('utf8', start);
}

/**
 * UTF-8 in which surrogates may be coded one by one (`ed a0 80`), as JVM readers accept it in
 * record values.
 *
 * @throws {CodecError} when the bytes are malformed otherwise
 */
export function decodeUtf8WithSurrogates(bytes: Uint8Array, what = 'text'): string {
  if (isUtf8(bytes)) return asBuffer(bytes).toString('utf8');
  let text = '';
  let start = 0;
  // `ed` is never a continuation byte, so each hit is a character's first byte.
  for (let at = bytes.indexOf(0xed); at !== -1; at = bytes.indexOf(0xed, at + 1)) {
    if (codedSurrogateSize(bytes, at) !== 3) continue;
    const unit = 0xd000 | (((bytes[at + 1] ?? 0) & 0x3f) << 6) | ((bytes[at + 2] ?? 0) & 0x3f);
    text += decodeUtf8Strict(bytes.subarray(start, at), what) + String.fromCharCode(unit);
    start = at + 3;
  }
  return text + decodeUtf8Strict(bytes.subarray(start), what);
}

/** The same bytes as a `Buffer`, without a copy. */
export function asBuffer(bytes: Uint8Array): Buffer {
  if (Buffer.isBuffer(bytes)) return bytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Bytes of the surrogate coded at `at`, whose first is `ed`: 3, or 2 if the last is missing. */
function codedSurrogateSize(bytes: Uint8Array, at: number): 0 | 2 | 3 {
  const second = bytes[at + 1] ?? 0;
  if (second < 0xa0 || second > 0xbf) return 0;
  const third = bytes[at + 2] ?? 0;
  return third >= 0x80 && third <= 0xbf ? 3 : 2;
}
