import type { Partition } from '../model/position.ts';

/**
 * The partition in which Kafka's Java producer puts a key: all clients of a topic must agree on it
 * (docs/format.md#partition).
 *
 * @param partitions partitions of the topic, at least 1
 */
export function partitionOf(key: Uint8Array, partitions: number): Partition {
  return ((murmur2(key) & 0x7fffffff) % partitions) as Partition;
}

const seed = 0x9747b28c;
const multiplier = 0x5bd1e995;

/** Kafka's murmur2, as a signed 32-bit integer. */
export function murmur2(bytes: Uint8Array): number {
  const wholeBlocks = bytes.length & ~3;
  let hash = seed ^ bytes.length;
  for (let at = 0; at < wholeBlocks; at += 4) {
    const product = Math.imul(littleEndian(bytes, at, 4), multiplier);
    hash = Math.imul(hash, multiplier) ^ Math.imul(product ^ (product >>> 24), multiplier);
  }
  if (wholeBlocks < bytes.length) {
    hash ^= littleEndian(bytes, wholeBlocks, bytes.length - wholeBlocks);
    hash = Math.imul(hash, multiplier);
  }
  hash = Math.imul(hash ^ (hash >>> 13), multiplier);
  return hash ^ (hash >>> 15);
}

/** Java's `String.hashCode`: over UTF-16 units, signed 32-bit. */
export function javaStringHash(text: string): number {
  let hash = 0;
  for (let at = 0; at < text.length; at++) hash = (Math.imul(hash, 31) + text.charCodeAt(at)) | 0;
  return hash;
}

function littleEndian(bytes: Uint8Array, start: number, length: number): number {
  let value = 0;
  for (let index = length - 1; index >= 0; index--) {
    value = (value << 8) | (bytes[start + index] ?? 0);
  }
  return value;
}
