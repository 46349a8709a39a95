import { partitionOf } from '../../codec/java-hash.ts';
import { ClosedError } from '../../model/errors.ts';
import type { Key } from '../../model/key.ts';
import type { Partition, PartitionOffset, Topic } from '../../model/position.ts';
import type { ActionProducer } from '../../ports/action-producer.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import { appendMarker } from '../read/ends.ts';
import type { HeldKey } from './held-key.ts';
import type { HoldingDeps } from './holding-deps.ts';
import { PartitionHolder } from './partition-holder.ts';

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
  #isClosed = false;

  constructor(deps: HoldingDeps) {
    this.#deps = deps;
  }

  /** @throws as of `Journals.hold` */
  async hold(key: Key, options: CallOptions | undefined): Promise<HeldKey> {
    const { topic, id } = key;
    const { holders, partitions } = this.#topics.get(topic) ?? (await this.#learn(key, options));
    if (this.#isClosed) throw new ClosedError('the journals are closed');
    const partition = partitionOf(Buffer.from(id, 'utf8'), partitions) as Partition;
    let holder = holders.get(partition);
    if (holder === undefined) {
      const spot = { topic, partition, scope: this.#deps.holding.scope };
      holder = new PartitionHolder(spot, partitions, this.#deps);
      holders.set(partition, holder);
    }
    return await holder.hold(key, options?.signal);
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
        // A held journal tells of its own writes.
        const isTold = header.type !== 'mark' && header.tenure !== undefined;
        if (held === undefined || isOpening || isTold) return producer.produce(action, options);
        if (header.type !== 'mark') this.#writtenPast(key, held);
        return this.#note(held, producer.produce(action, options));
      },
      [Symbol.asyncDispose]: () => producer[Symbol.asyncDispose](),
    };
  }

  #writtenPast(key: Key, { partitions, holders }: HeldTopic): void {
    const partition = partitionOf(Buffer.from(key.id, 'utf8'), partitions) as Partition;
    holders.get(partition)?.writtenPast(key);
  }

  async #note({ holders }: HeldTopic, written: Promise<PartitionOffset>): Promise<PartitionOffset> {
    const at = await written;
    holders.get(at.partition)?.wrote(at.offset);
    return at;
  }

  /** Ends all that is held. */
  close(): void {
    this.#isClosed = true;
    for (const { holders } of this.#topics.values())
      for (const holder of holders.values()) holder.close();
  }
}
