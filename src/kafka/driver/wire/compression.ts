import { createRequire } from 'node:module';
import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import lz4 from 'lz4-napi';
import type { Compression } from '../../../config/settings/kafka-settings.ts';
import { decompressLz4 } from './lz4-frame.ts';

/** How the records of one batch are compressed; `id` is the number in the batch's attributes. */
export interface Codec {
  readonly id: number;
  readonly name: Compression;
  compress(bytes: Buffer): Buffer;
  decompress(bytes: Buffer): Buffer;
}

const snappy = createRequire(import.meta.url)('snappyjs') as {
  compress(bytes: Buffer): Buffer;
  uncompress(bytes: Buffer): Buffer;
};

/** The codecs of Kafka's record format, all readable and writable by Java clients. */
export const codecs: readonly Codec[] = [
  {
    id: 1,
    name: 'gzip',
    compress: (b) => gzipSync(b, { level: 1 }),
    decompress: (b) => gunzipSync(b),
  },
  { id: 2, name: 'snappy', compress: compressXerial, decompress: decompressXerial },
  {
    id: 3,
    name: 'lz4',
    compress: (b) => lz4.compressFrameSync(b),
    decompress: decompressLz4,
  },
  {
    id: 4,
    name: 'zstd',
    compress: (b) => zstdCompressSync(b),
    decompress: (b) => zstdDecompressSync(b),
  },
];

/** Number of a compression in produce requests and batch attributes; 0 = none. */
export function compressionId(name: Compression): number {
  return codecs.find((codec) => codec.name === name)?.id ?? 0;
}

/**
 * Undoes the compression that the attributes of a batch name.
 *
 * @throws {RangeError} the number is unknown; whatever the codec throws when the bytes are damaged
 */
export function decompress(id: number, bytes: Buffer): Buffer {
  return id === 0 ? bytes : codecOf(id).decompress(bytes);
}

/** What compresses records, as a batch is written: the number, and how. */
export type Compressor = Pick<Codec, 'id' | 'compress'>;

/**
 * The codec of a number; 0 = the bytes stay as they are.
 *
 * @throws {RangeError} the number is unknown
 */
export function codecOf(id: number): Pick<Codec, 'id' | 'compress' | 'decompress'> {
  const codec = id === 0 ? uncompressed : codecs.find((candidate) => candidate.id === id);
  if (codec === undefined) throw new RangeError(`unknown compression ${id}`);
  return codec;
}

const same = (bytes: Buffer): Buffer => bytes;
const uncompressed = { id: 0, compress: same, decompress: same };

/** Java's snappy streams: this header, then blocks, each after its compressed length (int32). */
const xerialHeader = Buffer.from([
  0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1,
]);
const xerialMagicBytes = 8;
const xerialBlockBytes = 32 * 1024;

function compressXerial(bytes: Buffer): Buffer {
  const parts: Buffer[] = [xerialHeader];
  for (let at = 0; at < bytes.length; at += xerialBlockBytes) {
    const block = snappy.compress(bytes.subarray(at, at + xerialBlockBytes));
    const length = Buffer.allocUnsafe(4);
    length.writeInt32BE(block.length);
    parts.push(length, block);
  }
  return Buffer.concat(parts);
}

function decompressXerial(bytes: Buffer): Buffer {
  const magic = xerialHeader.subarray(0, xerialMagicBytes);
  if (!bytes.subarray(0, xerialMagicBytes).equals(magic)) return snappy.uncompress(bytes);
  const blocks: Buffer[] = [];
  for (let at = xerialHeader.length; at < bytes.length; ) {
    const length = bytes.readInt32BE(at);
    at += 4;
    blocks.push(snappy.uncompress(bytes.subarray(at, at + length)));
    at += length;
  }
  return Buffer.concat(blocks);
}
