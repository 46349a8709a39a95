import type { KafkaSettings } from '../../config/settings/kafka-settings.ts';
import type { ActionRecord } from '../../model/action.ts';
import { ClosedError } from '../../model/errors.ts';
import { Offset, type Partition, type Topic } from '../../model/position.ts';
import type {
  ActionConsumer,
  ActionRange,
  FollowedBatch,
  FollowStart,
} from '../../ports/action-consumer.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import { onAbort } from '../../runtime/on-abort.ts';
import { unlessAborted } from '../../runtime/waiting.ts';
import type { KafkaDeps } from '../driver/kafka-client.ts';
import { LogCluster } from '../log-cluster.ts';
import { LogFollower } from './log-follower.ts';
import { PartitionReader } from './partition-reader.ts';
import { ReadRequest } from './read-request.ts';

/**
 * Opens the reader of one process: reads ranges of partitions without a consumer group (ADR 6).
 *
 * @throws {LogUnavailableError} no broker answered within the request timeout; names the addresses
 * @throws {AccessDeniedError} the user is refused
 * @throws the abort reason when `signal` fires
 */
export async function openKafkaActionConsumer(
  settings: KafkaSettings,
  deps: KafkaDeps,
  options?: CallOptions,
): Promise<ActionConsumer> {
  return new KafkaActionConsumer(await LogCluster.open(settings, deps, options));
}

class KafkaActionConsumer implements ActionConsumer {
  readonly #cluster: LogCluster;
  readonly #follower: LogFollower;
  readonly #readers = new Map<string, PartitionReader>();
  #closed = false;

  constructor(cluster: LogCluster) {
    this.#cluster = cluster;
    this.#follower = new LogFollower(cluster);
  }

  follow(start: FollowStart, options?: CallOptions): AsyncGenerator<FollowedBatch> {
    return this.#follower.follow(start, options?.signal);
  }

  async *read(range: ActionRange, options?: CallOptions): AsyncGenerator<readonly ActionRecord[]> {
    const signal = options?.signal;
    signal?.throwIfAborted();
    if (range.from >= range.to) return;
    if (this.#closed) throw closedError();
    await unlessAborted(this.#cluster.learnTopic(range.key.topic), signal);
    const request = new ReadRequest(range);
    const stopListening = onAbort(signal, (reason) => request.fail(reason));
    try {
      this.#join(request);
      for (;;) {
        signal?.throwIfAborted();
        const batch = request.take();
        if (batch === 'end') return;
        // A full request left its pass; it goes on from there when there is room again.
        if (!(request.inPass || request.isFull || request.isSettled)) this.#join(request);
        if (batch === 'wait') await request.changed();
        else yield batch;
      }
    } finally {
      stopListening();
      request.cancel();
    }
  }

  /** Hands the request to the reader of its partition. */
  #join(request: ReadRequest): void {
    if (this.#closed) {
      request.fail(closedError());
      return;
    }
    const { key, partition } = request.range;
    const place = `${partition}:${key.topic}`;
    let reader = this.#readers.get(place);
    if (reader === undefined) {
      const forget = (): void => {
        this.#readers.delete(place);
      };
      reader = new PartitionReader(this.#cluster, key.topic, partition, forget);
      this.#readers.set(place, reader);
    }
    reader.add(request);
  }

  async endOffset(topic: Topic, partition: Partition, options?: CallOptions): Promise<Offset> {
    const cluster = this.#cluster;
    const end = await this.#ask(topic, options, async () => {
      await cluster.learnTopic(topic);
      return await cluster.endOffset(topic, partition);
    });
    return Offset.of(end);
  }

  partitionCount(topic: Topic, options?: CallOptions): Promise<number> {
    return this.#ask(topic, options, () => this.#cluster.partitionCount(topic));
  }

  /**
   * Asks until there is an answer. A broker that is silent keeps the question for longer than a
   * read may take, so the caller does not wait for it when its signal fires.
   */
  async #ask<T>(topic: Topic, options: CallOptions | undefined, ask: () => Promise<T>): Promise<T> {
    const signal = options?.signal;
    signal?.throwIfAborted();
    if (this.#closed) throw closedError();
    const place = { topic, right: 'DESCRIBE', signal } as const;
    return await unlessAborted(this.#cluster.retrying(place, ask), signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const reader of this.#readers.values()) reader.failAll(closedError());
    await this.#follower[Symbol.asyncDispose]();
    await this.#cluster[Symbol.asyncDispose]();
  }
}

function closedError(): ClosedError {
  return new ClosedError('the Kafka consumer is closed');
}
