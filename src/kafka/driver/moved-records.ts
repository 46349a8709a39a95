import { partitionOf } from '../../codec/java-hash.ts';
import type { OutgoingRecord } from './wire/outgoing-record.ts';

/** Records of a send have to land in a partition into which their keys do not belong any more. */
export class MovedRecordsError extends Error {
  override readonly name = 'MovedRecordsError';
  readonly topic: string;
  /** kafkajs reads it: no further attempt. */
  readonly retriable = false;
  readonly #partitions: number;

  /** @param partitions how many the topic has now */
  constructor(topic: string, partitions: number) {
    super(
      `the topic has ${partitions} partitions, and the key belongs into another one than that in which the record ` +
        'has to land. A topic of journals keeps its number of partitions: make it anew with the former one',
    );
    this.topic = topic;
    this.#partitions = partitions;
  }

  concerns(topic: string, { key, partition }: OutgoingRecord): boolean {
    if (topic !== this.topic || partition === -1) return false;
    return partition !== partitionOf(key, this.#partitions);
  }
}
