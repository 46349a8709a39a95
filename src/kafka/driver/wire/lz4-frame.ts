import lz4 from 'lz4-napi';

/**
 * Headers of frames of independent blocks without checksums and sizes, and the most bytes of a
 * block: what Java clients, librdkafka and we write. The last byte is the checksum of the two
 * before it.
 */
const plainHeaders: ReadonlyMap<string, number> = new Map([
  ['04224d18604082', 64 * 1024],
  ['04224d186050fb', 256 * 1024],
  ['04224d18606051', 1024 * 1024],
  ['04224d18607073', 4 * 1024 * 1024],
]);
const headerBytes = 7;
/** A byte of a block stands for at most this number of bytes. */
const maxRatio = 255;
const isStored = 0x8000_0000;

/**
 * The content of an LZ4 frame. Plain ones are taken apart here and their blocks decompressed one by
 * one: the library's own function for frames takes twenty times as long.
 *
 * @throws {RangeError} the frame ends too early
 * @throws {Error} of the library: a block, or a frame of another kind, is damaged
 */
export function decompressLz4(frame: Buffer): Buffer {
  const maxBytes = plainHeaders.get(frame.toString('hex', 0, headerBytes));
  if (maxBytes === undefined) return lz4.decompressFrameSync(frame);
  const blocks: Buffer[] = [];
  let at = headerBytes;
  for (let size = frame.readUInt32LE(at); size !== 0; size = frame.readUInt32LE(at)) {
    const start = at + 4;
    at = start + (size % isStored);
    if (at > frame.length) throw new RangeError(`an LZ4 block ends at ${at} of ${frame.length}`);
    const block = frame.subarray(start, at);
    if (size >= isStored) {
      blocks.push(block);
      continue;
    }
    // The library wants the most bytes that the block may become, as a number before it.
    const sized = Buffer.allocUnsafe(4 + block.length);
    sized.writeUInt32LE(Math.min(maxBytes, block.length * maxRatio));
    block.copy(sized, 4);
    blocks.push(lz4.uncompressSync(sized));
  }
  // Another frame may follow.
  if (at + 4 < frame.length) return lz4.decompressFrameSync(frame);
  const [only] = blocks;
  return blocks.length === 1 && only !== undefined ? only : Buffer.concat(blocks);
}
