import { partitionOf } from '../../codec/java-hash.ts';
import { DataIntegrityError } from '../../model/errors.ts';
import type { JournalPointer } from '../../model/journal-pointer.ts';
import type { Key } from '../../model/key.ts';
import { Offset, Partition, type PartitionOffset, type Topic } from '../../model/position.ts';
import type { ActionConsumer } from '../../ports/action-consumer.ts';
import type { ActionProducer } from '../../ports/action-producer.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import { settleBoth, unlessAborted } from '../../runtime/concurrency.ts';
import { OutstandingWrites } from '../outstanding-writes.ts';

/** How a read finds its end: everything acknowledged before the call lies in front of it. */
export interface ReadEnd {
  /**
   * The partition of the key, and the end in it, exclusive.
   *
   * @throws {LogUnavailableError} retryable
   * @throws {DataIntegrityError} the number of partitions changed, so keys have moved
   */
  find(key: Key, options: Required<CallOptions>): Promise<PartitionOffset>;
  /** The producer as journals are to use it, where the end depends on what it is writing. */
  watch?(producer: ActionProducer): ActionProducer;
  /** @throws {DataIntegrityError} the store's row shows that the key has moved */
  check(key: Key, row: JournalPointer, end: PartitionOffset): void;
}

/**
 * The end is that of the partition in which a Java producer places the key: nothing is written. It holds
 * for writers with acks = all, and while the topic keeps its number of partitions.
 */
export function endByOffset(consumer: ActionConsumer): ReadEnd {
  return new OffsetEnd(consumer);
}

class OffsetEnd implements ReadEnd {
  readonly #consumer: ActionConsumer;
  readonly #outstanding = new OutstandingWrites();
  /** As first seen: what was written since lies where this number puts it. */
  readonly #counts = new Map<Topic, number>();

  constructor(consumer: ActionConsumer) {
    this.#consumer = consumer;
  }

  watch(producer: ActionProducer): ActionProducer {
    return this.#outstanding.watch(producer);
  }

  async find(key: Key, options: Required<CallOptions>): Promise<PartitionOffset> {
    const { topic } = key;
    await unlessAborted(this.#outstanding.settled(key), options.signal);
    const known = this.#counts.get(topic) ?? (await this.#consumer.partitionCount(topic, options));
    if (known === undefined) return { partition: Partition.of(0), offset: Offset.min };
    const partition = partitionOf(Buffer.from(key.id, 'utf8'), known);
    const [count, offset] = await settleBoth(
      this.#consumer.partitionCount(topic, options),
      this.#consumer.endOffset(topic, partition, options),
    );
    if (count !== undefined && count !== known) throw partitionsChanged(key, { known, count });
    this.#counts.set(topic, known);
    return { partition, offset };
  }

  check(key: Key, row: JournalPointer, end: PartitionOffset): void {
    const { partition } = row.at;
    if (partition === end.partition) return;
    const count = this.#counts.get(key.topic);
    throw new DataIntegrityError(
      `${key.topic}:${key.id} is stored from partition ${partition}, but ${count} partitions place it ` +
        `in ${end.partition}: the number of partitions was another one; read-end = marker reads it`,
      { place: { topic: key.topic, partition, offset: row.at.offset, id: key.id } },
    );
  }
}

function partitionsChanged(
  { topic, id }: Key,
  { known, count }: { readonly known: number; readonly count: number },
): DataIntegrityError {
  return new DataIntegrityError(
    `topic ${topic} had ${known} partitions and has ${count} now: keys have moved, and the end of ` +
      'one partition is no longer the end of a journal',
    { place: { topic, id } },
  );
}
