import { partitionOf } from '../../codec/java-hash.ts';
import { ClosedError } from '../../model/errors.ts';
import { Key } from '../../model/key.ts';
import type { Partition, PartitionOffset, Topic } from '../../model/position.ts';
import type { ActionProducer } from '../../ports/action-producer.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import { appendMarker } from '../read/ends.ts';
import type { HeldKey } from './held-key.ts';
import type { HeldTenure } from './held-tenure.ts';
import type { HoldingDeps } from './holding-deps.ts';
import { PartitionHolder } from './partition-holder.ts';
import { keysHaveMoved } from './why-not-open.ts';

/**
 * Begins the ids under which partitions are opened that are kept for no journal of their own.
 * Opening marks belong to no journal, but their record needs a key, and that a partition.
 */
const keptId = 'kafka-journal';

/** @param partition one of `partitions`: no key is in another one */
function keyIn(topic: Topic, partition: Partition, partitions: number): Key {
  for (let number = 0; ; number++) {
    const id = `${keptId}-${number}`;
    if (partitionOf(Buffer.from(id, 'utf8'), partitions) === partition) return Key.of(topic, id);
  }
}

interface HeldTopic {
  /** How many partitions it has. */
  readonly partitions: number;
  readonly holders: Map<Partition, PartitionHolder>;
}

/**
 * The tenures of one process, for the journals of one section: at most one a partition at a time.
 * Everything that the process writes has to go through {@link TenureHolder.watch}.
 */
export class TenureHolder {
  readonly #deps: HoldingDeps;
  readonly #topics = new Map<Topic, HeldTopic>();
  #closed: ClosedError | undefined;

  constructor(deps: HoldingDeps) {
    this.#deps = deps;
  }

  /** @throws as of `Journals.hold` */
  async hold(key: Key, options: CallOptions | undefined): Promise<HeldKey> {
    options?.signal?.throwIfAborted();
    const topic = this.#topics.get(key.topic) ?? (await this.#learn(key, options));
    const partition = partitionOf(Buffer.from(key.id, 'utf8'), topic.partitions) as Partition;
    return await this.#holderOf(topic, key.topic, partition).hold(key, options?.signal);
  }

  /**
   * Holds a whole partition, whichever of its journals are in use, until `signal` fires. Resolves
   * with a tenure that is opened and seen; it may be over at any moment, and is not opened again.
   *
   * @throws as of `Journals.hold`
   */
  async keep(topic: Topic, partition: Partition, signal: AbortSignal): Promise<HeldTenure> {
    signal.throwIfAborted();
    const held = this.#topics.get(topic) ?? (await this.#learn(Key.of(topic, keptId), { signal }));
    const { partitions } = held;
    if (partition >= partitions) {
      const count = await this.#deps.consumer.partitionCount(topic, { signal });
      throw keysHaveMoved({ topic, partition }, partitions, count);
    }
    const key = keyIn(topic, partition, partitions);
    return await this.#holderOf(held, topic, partition).keep(key, signal);
  }

  /** Whether the partition is held at this moment. */
  holds(topic: Topic, partition: Partition): boolean {
    return this.#topics.get(topic)?.holders.get(partition)?.isHeld === true;
  }

  #holderOf({ holders, partitions }: HeldTopic, topic: Topic, partition: Partition) {
    if (this.#closed !== undefined) throw this.#closed;
    let holder = holders.get(partition);
    if (holder === undefined) {
      const spot = { topic, partition, scope: this.#deps.holding.scope };
      holder = new PartitionHolder(spot, partitions, this.#deps);
      holders.set(partition, holder);
    }
    return holder;
  }

  async #learn(key: Key, options: CallOptions | undefined): Promise<HeldTopic> {
    const { topic } = key;
    const { consumer } = this.#deps;
    let partitions = await consumer.partitionCount(topic, options);
    if (partitions === undefined) {
      // The topic is made with its first record.
      await appendMarker(this.#deps, key, this.#deps.randomUuid(), options);
      partitions = (await consumer.partitionCount(topic, options)) ?? 1;
    }
    const known = this.#topics.get(topic) ?? { partitions, holders: new Map() };
    this.#topics.set(topic, known);
    return known;
  }

  /**
   * The producer as the whole process is to use it. A journal that is written without its tenure is
   * no longer held: what it was recovered to is not its state any more.
   */
  watch(producer: ActionProducer): ActionProducer {
    return {
      produce: (action, options) => {
        const { header, key } = action;
        const held = this.#topics.get(key.topic);
        const isOpening = header.type === 'mark' && header.opens !== undefined;
        // A held journal reports its own writes itself.
        const isTold = header.type !== 'mark' && header.tenure !== undefined;
        if (held === undefined || isOpening || isTold) return producer.produce(action, options);
        if (header.type === 'mark') return this.#note(held, producer.produce(action, options));
        const partition = partitionOf(Buffer.from(key.id, 'utf8'), held.partitions) as Partition;
        held.holders.get(partition)?.writtenPast(key);
        return this.#note(held, producer.produce(action, options), key);
      },
      [Symbol.asyncDispose]: () => producer[Symbol.asyncDispose](),
    };
  }

  async #note(
    { holders }: HeldTopic,
    written: Promise<PartitionOffset>,
    past?: Key,
  ): Promise<PartitionOffset> {
    const at = await written;
    const holder = holders.get(at.partition);
    if (past === undefined) holder?.wrote(at.offset);
    else holder?.wrotePast(past, at.offset);
    return at;
  }

  /** Ends all that is held. */
  close(): void {
    const closed = new ClosedError('the journals are closed');
    this.#closed = closed;
    for (const { holders } of this.#topics.values())
      for (const holder of holders.values()) holder.close(closed);
  }
}
