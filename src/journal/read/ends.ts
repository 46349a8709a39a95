import { partitionOf } from '../../codec/java-hash.ts';
import {
  DataIntegrityError,
  InvalidInputError,
  LogUnavailableError,
  WriteFailedError,
} from '../../model/errors.ts';
import type { JournalPointer, Marker } from '../../model/journal-pointer.ts';
import type { Key } from '../../model/key.ts';
import { Offset, Partition, type PartitionOffset, type Topic } from '../../model/position.ts';
import { shown } from '../../model/shown.ts';
import type { ActionConsumer } from '../../ports/action-consumer.ts';
import type { ActionProducer } from '../../ports/action-producer.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import { libraryVersion } from '../../runtime/library-version.ts';
import { settleBoth, unlessAborted } from '../../runtime/waiting.ts';
import type { JournalDeps } from '../journal-deps.ts';

/** How a read finds its end: everything acknowledged before the call has a smaller offset. */
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
 * The end is where a mark lands that is written into the key's partition: however writers place
 * keys, the mark is placed in the same way.
 */
export function endByMarker(
  deps: Pick<JournalDeps, 'producer' | 'clock' | 'origin' | 'randomUuid'>,
): ReadEnd {
  return {
    async find(key, { signal }) {
      try {
        // A read that is aborted here leaves a stray mark in the log, which changes nothing.
        return (await unlessAborted(appendMarker(deps, key, deps.randomUuid(), { signal }), signal))
          .at;
      } catch (cause) {
        if (!(cause instanceof WriteFailedError)) throw cause;
        const message = `the end of a read of ${key.topic}:${key.id} could not be marked`;
        throw new LogUnavailableError(message, { cause });
      }
    },
    check: () => {},
  };
}

/**
 * Appends a mark after everything that was acknowledged for the key before this call. It lands in
 * the key's partition, so its place says which partition to read, and where to stop.
 *
 * @throws {InvalidInputError} nothing written: the id is no text
 * @throws {WriteRejectedError} certainly not written
 * @throws {WriteFailedError} may be written, which changes nothing
 */
export async function appendMarker(
  { producer, clock, origin }: Pick<JournalDeps, 'producer' | 'clock' | 'origin'>,
  key: Key,
  id: string,
  options?: CallOptions,
): Promise<Marker> {
  if (typeof id !== 'string') {
    throw new InvalidInputError(`the id of a mark must be a text, not ${shown(id)}`);
  }
  const header = { type: 'mark', id, origin, version: libraryVersion } as const;
  return { id, at: await producer.produce({ key, timestampMs: clock.nowMs(), header }, options) };
}

/**
 * The end is that of the partition in which a Java producer places the key: nothing is written.
 * This holds for writers with acks = all, and while the topic keeps its number of partitions.
 */
export function endByOffset(consumer: ActionConsumer): ReadEnd {
  return new OffsetEnd(consumer);
}

class OffsetEnd implements ReadEnd {
  readonly #consumer: ActionConsumer;
  readonly #outstanding = new OutstandingWrites();
  /** Partitions of a topic, as first seen: where what is written since can be found. */
  readonly #counts = new Map<Topic, number>();

  constructor(consumer: ActionConsumer) {
    this.#consumer = consumer;
  }

  watch(producer: ActionProducer): ActionProducer {
    return this.#outstanding.watch(producer);
  }

  async find(key: Key, options: Required<CallOptions>): Promise<PartitionOffset> {
    const { topic, id } = key;
    await unlessAborted(this.#outstanding.settled(key), options.signal);
    const known = this.#counts.get(topic) ?? (await this.#consumer.partitionCount(topic, options));
    if (known === undefined) return { partition: Partition.of(0), offset: Offset.min };
    const partition = partitionOf(Buffer.from(id, 'utf8'), known);
    const [count, offset] = await settleBoth(
      this.#consumer.partitionCount(topic, options),
      this.#consumer.endOffset(topic, partition, options),
    );
    if (count !== undefined && count !== known) {
      throw new DataIntegrityError(
        `topic ${topic} had ${known} partitions and has ${count} now: keys have moved, and the end of ` +
          'one partition is no longer the end of a journal',
        { place: { topic, id } },
      );
    }
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

/**
 * Writes of this process that have no answer yet. A read that takes the end of the log while one is
 * under way would miss it, although the write began before the read; a mark is written after it. So
 * such a read waits first.
 */
class OutstandingWrites {
  /** The youngest of each key: the log answers those of one key in order. */
  readonly #writes = new Map<Topic, Map<string, Promise<unknown>>>();

  /** Resolves when the writes of the key so far have settled, well or not. */
  async settled({ topic, id }: Key): Promise<void> {
    await this.#writes
      .get(topic)
      ?.get(id)
      ?.catch(() => undefined);
  }

  /** The producer, whose writes are noted. */
  watch(producer: ActionProducer): ActionProducer {
    return {
      produce: (action, options) => {
        const write = producer.produce(action, options);
        const { topic, id } = action.key;
        const writes = this.#writes.get(topic) ?? new Map<string, Promise<unknown>>();
        this.#writes.set(topic, writes.set(id, write));
        const forget = (): void => {
          if (writes.get(id) === write) writes.delete(id);
        };
        write.then(forget, forget);
        return write;
      },
      [Symbol.asyncDispose]: () => producer[Symbol.asyncDispose](),
    };
  }
}
