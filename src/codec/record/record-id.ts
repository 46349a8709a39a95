import { hash } from 'node:crypto';
import type { PartitionOffset, Topic } from '../../model/position.ts';

/**
 * Namespace of our record ids (RFC 9562 section 5.5); fixed for ever, or re-deliveries would
 * differ.
 */
const namespace = Buffer.from('6f1d8c1e5b0b4b7f9f4a3c0d2e7a9b51', 'hex');

/**
 * Name of the generation that the append at `at` creates: a UUID v5, so a re-delivery after a crash
 * finds the same one and its rows stay readable (docs/format.md#replication).
 */
export function recordIdOf(topic: Topic, { partition, offset }: PartitionOffset): string {
  const name = Buffer.from(`${topic}:${partition}:${offset}`, 'utf8');
  const bytes = hash('sha1', Buffer.concat([namespace, name]), 'buffer');
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex', 0, 16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join('-');
}
