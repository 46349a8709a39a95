import { ClosedError, InvalidInputError } from '../../../model/errors.ts';
import type { Offset, Partition, Topic } from '../../../model/position.ts';
import type { Logger } from '../../../observability/logger.ts';
import type { CallOptions } from '../../../ports/call-options.ts';
import type {
  TopicConsumer,
  TopicConsumers,
  TopicSubscriber,
} from '../../../ports/topic-consumer.ts';
import type { Clock } from '../../../runtime/clock.ts';
import type { CommitQueue } from '../commit-queue.ts';
import { logFailure, readOr } from '../session.ts';
import type { TopicOwnership } from './topic-ownership.ts';
import { type SessionDeps, TopicSession } from './topic-session.ts';

/** What the consumers of the log work with. */
export interface ConsumerDeps extends Omit<SessionDeps, 'topic'> {
  readonly queue: CommitQueue;
  readonly ownership: TopicOwnership;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Signs of life, and looks for a topic that has become free. */
const heartbeatMs = 1_000;
const acquireEveryMs = 250;

/** Opens members; a group has one member at work, the others wait for it to end. */
export class SqliteTopicConsumers implements TopicConsumers {
  readonly #deps: ConsumerDeps;
  readonly #open = new Set<SqliteTopicConsumer>();
  #closed = false;

  constructor(deps: ConsumerDeps) {
    this.#deps = deps;
  }

  async topics(options?: CallOptions): Promise<readonly Topic[]> {
    this.#check(options);
    return readOr(logFailure, 'list topics', () => this.#deps.partitions.topics());
  }

  async open(topic: Topic, options?: CallOptions): Promise<TopicConsumer> {
    this.#check(options);
    const consumer = new SqliteTopicConsumer(topic, this.#deps, () => this.#open.delete(consumer));
    this.#open.add(consumer);
    return consumer;
  }

  #check(options: CallOptions | undefined): void {
    options?.signal?.throwIfAborted();
    if (this.#closed) throw new ClosedError('the log is closed');
  }

  /** Stops all members and waits for the work that they have in hand. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#open].map((consumer) => consumer[Symbol.asyncDispose]()));
  }
}

class SqliteTopicConsumer implements TopicConsumer {
  readonly #topic: Topic;
  readonly #deps: ConsumerDeps;
  readonly #forget: () => void;
  readonly #closing = new AbortController();
  #running: Promise<void> | undefined;

  constructor(topic: Topic, deps: ConsumerDeps, forget: () => void) {
    this.#topic = topic;
    this.#deps = deps;
    this.#forget = forget;
  }

  async run(
    subscriber: TopicSubscriber,
    options: Parameters<TopicConsumer['run']>[1],
  ): Promise<void> {
    if (this.#closing.signal.aborted) throw new ClosedError('the consumer is closed');
    if (this.#running !== undefined) throw new InvalidInputError('the consumer is running already');
    const signal = AbortSignal.any([options.signal, this.#closing.signal]);
    const running = this.#runUntil(signal, subscriber);
    this.#running = running.catch(() => {});
    try {
      await running;
    } finally {
      this.#running = undefined;
    }
  }

  /** The replicated offset is kept in the same file, so there is nothing to add. */
  async commit(_partition: Partition, _nextOffset: Offset): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#running;
    this.#forget();
  }

  async #runUntil(signal: AbortSignal, subscriber: TopicSubscriber): Promise<void> {
    const { partitions, ownership, clock } = this.#deps;
    while (!signal.aborted) {
      // `undefined` while another member is at work, or the topic does not exist yet.
      const owner = await this.#write(() => {
        if (partitions.partitionCount(this.#topic) === undefined) return undefined;
        return ownership.acquire(this.#topic, clock.nowMs());
      });
      if (owner === undefined) await this.#sleep(acquireEveryMs, signal);
      else await this.#replicate(owner, subscriber, signal);
    }
  }

  /** Ends when `stop` fires or the topic was taken; rejects with the subscriber's error. */
  async #replicate(owner: string, subscriber: TopicSubscriber, stop: AbortSignal): Promise<void> {
    const session = new TopicSession({ ...this.#deps, topic: this.#topic }, subscriber);
    const end = new AbortController();
    const signal = AbortSignal.any([stop, end.signal]);
    const heartbeat = this.#keepAlive(owner, signal, end);
    let owned = false;
    try {
      await session.deliver(signal, () => end.abort());
    } finally {
      end.abort();
      owned = await heartbeat;
      await session.giveBack(owned ? 'revoked' : 'lost');
      await this.#write(() => this.#deps.ownership.release(this.#topic, owner));
    }
  }

  /** Shows signs of life until `signal` fires; answers false, after `end`, when it is lost. */
  async #keepAlive(owner: string, signal: AbortSignal, end: AbortController): Promise<boolean> {
    const { ownership, clock, log } = this.#deps;
    while (!signal.aborted) {
      await this.#sleep(heartbeatMs, signal);
      if (signal.aborted) return true;
      const ours = await this.#write(() =>
        ownership.renew(this.#topic, owner, clock.nowMs()),
      ).catch((err: unknown) => {
        log.warn({ topic: this.#topic, err }, 'the sign of life of a topic owner was not written');
        return true;
      });
      if (ours) continue;
      log.warn({ topic: this.#topic }, 'another process replicates this topic now');
      end.abort();
      return false;
    }
    return true;
  }

  async #write<T>(statements: () => T): Promise<T> {
    try {
      return await this.#deps.queue.write(statements);
    } catch (error) {
      throw logFailure(error, `write the owner of ${this.#topic}`);
    }
  }

  /** Ends early, without an error, when `signal` fires. */
  #sleep(ms: number, signal: AbortSignal): Promise<void> {
    return this.#deps.clock.sleep(ms, { signal }).catch(() => {});
  }
}
