import { createHash } from 'node:crypto';
import type { PartitionOffset, Topic } from '../model/position.ts';

/** Namespace of record ids (RFC 9562 section 5.5), the same for every store. */
const namespace = Buffer.from('6f1d8c1e5b0b4b7f9f4a3c0d2e7a9b51', 'hex');

/**
 * Name of the generation that the append at `at` creates: a UUID v5, so that a re-delivery gives
 * the same one (journal-algorithms D.7.5-1).
 */
export function recordIdOf(topic: Topic, { partition, offset }: PartitionOffset): string {
  const name = `${topic}:${partition}:${offset}`;
  const bytes = createHash('sha1').update(namespace).update(name).digest();
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex', 0, 16);
  return [8, 12, 16, 20, 32].map((end, i, ends) => hex.slice(i && ends[i - 1], end)).join('-');
}
