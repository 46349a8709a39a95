import { ClosedError, LogUnavailableError } from '../../src/model/errors.ts';
import type { Topic } from '../../src/model/position.ts';
import type { TopicConsumer, TopicConsumers } from '../../src/ports/topic-consumer.ts';
import type { FlowDeps } from '../replicator-deps.ts';
import { TopicFlow, type WorkListener } from './topic-flow.ts';

/**
 * The effects of one topic replicator, and the owner of what they hold: its group member and its
 * flow. Opened, run and closed any number of times, one after the other.
 */
export class TopicWork {
  readonly #topic: Topic;
  readonly #consumers: TopicConsumers;
  readonly #deps: FlowDeps;
  #session: Session | undefined;

  constructor(topic: Topic, consumers: TopicConsumers, deps: FlowDeps) {
    this.#topic = topic;
    this.#consumers = consumers;
    this.#deps = deps;
  }

  /**
   * Opens a group member; what an earlier run left open is closed first.
   *
   * @throws {LogUnavailableError} no member could be opened; retryable
   * @throws {ClosedError} it was closed meanwhile
   */
  async open(): Promise<void> {
    await this.close();
    const session = new Session(this.#topic, this.#deps);
    this.#session = session;
    await session.open(this.#consumers);
  }

  /**
   * Replicates until it fails or is closed. Never resolves before `close`.
   *
   * @throws {ClosedError} it is not open
   * @throws {FencedError} another process owns one of the partitions
   * @throws the consumer's errors, as `TopicConsumer.run` says
   */
  run(listener: WorkListener): Promise<void> {
    const session = this.#session;
    if (session === undefined) return Promise.reject(new ClosedError('topic is not open'));
    return session.run(listener);
  }

  /** Finishes the writes in hand, commits, leaves the group. Never rejects. */
  async close(): Promise<void> {
    const session = this.#session;
    await session?.close();
    if (this.#session === session) this.#session = undefined;
  }
}

/** One membership, from opening to leaving. */
class Session {
  readonly #topic: Topic;
  readonly #deps: FlowDeps;
  readonly #leave = new AbortController();
  #consumer: TopicConsumer | undefined;
  #flow: TopicFlow | undefined;
  #opening: Promise<TopicConsumer> | undefined;
  #running: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(topic: Topic, deps: FlowDeps) {
    this.#topic = topic;
    this.#deps = deps;
  }

  async open(consumers: TopicConsumers): Promise<void> {
    this.#opening = consumers.open(this.#topic, { signal: this.#leave.signal });
    this.#consumer = await this.#opening;
  }

  async run(listener: WorkListener): Promise<void> {
    const consumer = this.#consumer;
    if (consumer === undefined) throw new ClosedError(`no member for topic ${this.#topic}`);
    const flow = new TopicFlow(this.#topic, this.#deps, { consumer, listener });
    this.#flow = flow;
    const running = consumer.run(flow, { signal: this.#leave.signal });
    this.#running = running.catch(() => {});
    await running;
    if (this.#leave.signal.aborted) return;
    throw new LogUnavailableError(`the subscription of topic ${this.#topic} ended by itself`);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Commits come before leaving: only a member may commit. */
  async #close(): Promise<void> {
    await this.#flow?.close();
    this.#leave.abort(new ClosedError(`replication of ${this.#topic} ends`));
    await this.#running;
    try {
      const consumer = await this.#opening;
      await consumer?.[Symbol.asyncDispose]();
    } catch (err) {
      // Either it never opened, which open() reported, or leaving failed and the group expires us.
      this.#deps.log.debug({ topic: this.#topic, err }, 'topic consumer not closed in order');
    }
  }
}
