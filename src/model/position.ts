import type { Brand } from './brand.ts';
import { InvalidInputError } from './errors.ts';
import { shown } from './shown.ts';

/** A Kafka topic name: 1 to 249 characters of `[a-zA-Z0-9._-]`, neither `.` nor `..`. */
export type Topic = Brand<string, 'Topic'>;

/** A partition of a topic: 0 .. 2^31-1. */
export type Partition = Brand<number, 'Partition'>;

/** A position in one partition: 0 .. 2^53-1. */
export type Offset = Brand<number, 'Offset'>;

/** The place of a record in its topic. */
export interface PartitionOffset {
  readonly partition: Partition;
  readonly offset: Offset;
}

const legalTopic = /^[a-zA-Z0-9._-]{1,249}$/;

/** The only way to a topic name: checked. */
export const Topic = {
  /** @throws {InvalidInputError} when Kafka would refuse the name */
  of(name: string): Topic {
    // Callers use JavaScript: an array of one name would pass for the name.
    if (typeof name !== 'string' || !legalTopic.test(name) || name === '.' || name === '..') {
      throw new InvalidInputError(`${shown(name)} is not a legal Kafka topic name`);
    }
    return name as Topic;
  },
};

/** The only way to a partition number: checked. */
export const Partition = {
  /** @throws {InvalidInputError} when `value` is not an integer in 0 .. 2^31-1 */
  of(value: number): Partition {
    if (!Number.isInteger(value) || value < 0 || value > 0x7fffffff) {
      throw new InvalidInputError(
        `partition must be an integer in 0..2147483647, not ${shown(value)}`,
      );
    }
    return value as Partition;
  },
};

/** The only way to an offset: checked, or counted on from one. */
export const Offset = {
  min: 0 as Offset,

  /** @throws {InvalidInputError} when `value` is not a safe integer of at least 0 */
  of(value: number): Offset {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new InvalidInputError(`offset must be an integer of at least 0, not ${shown(value)}`);
    }
    return value as Offset;
  },

  next(value: Offset): Offset {
    return (value + 1) as Offset;
  },
};

/** One partition of one topic. */
export interface TopicPartition {
  readonly topic: Topic;
  readonly partition: Partition;
}

/** How places in a topic are printed. */
export const PartitionOffset = {
  toString(at: PartitionOffset): string {
    return `${at.partition}:${at.offset}`;
  },
};
