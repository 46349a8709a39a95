import { CodecError } from '../model/errors.ts';

/*
 * A block whose first field is one bit, so that every later byte is spread over two:
 *
 *   block   b aaaaaaa | a ccccccc | c 0000000        b = bit, aaaaaaaa and cccccccc = body
 */

/** The bit, then the body, then seven zero bits. */
export function prependBit(bit: boolean, body: Uint8Array): Buffer {
  const block = Buffer.allocUnsafe(body.length + 1);
  let carry = bit ? 0x80 : 0;
  for (let at = 0; at < body.length; at++) {
    const byte = body[at] ?? 0;
    block[at] = carry | (byte >> 1);
    carry = (byte << 7) & 0x80;
  }
  block[body.length] = carry;
  return block;
}

/**
 * The first bit and the whole bytes after it; the last seven bits are dropped.
 *
 * @throws {CodecError} when there is no bit
 */
export function splitBit(block: Uint8Array): { readonly bit: boolean; readonly body: Buffer } {
  const first = block[0];
  if (first === undefined) throw new CodecError('the value is empty');
  const body = Buffer.allocUnsafe(block.length - 1);
  for (let at = 0; at < body.length; at++) {
    body[at] = ((block[at] ?? 0) << 1) | ((block[at + 1] ?? 0) >> 7);
  }
  return { bit: first >= 0x80, body };
}
