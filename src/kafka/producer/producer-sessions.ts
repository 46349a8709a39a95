import { WriteRejectedError } from '../../model/errors.ts';
import type { SendSession } from '../driver/idempotent-producer.ts';
import type { KafkaDeps } from '../driver/kafka-client.ts';
import { protocolErrorOf } from '../driver-errors.ts';

/** A topic created a moment ago may be unknown to the broker that is asked. */
const unknownTopicLimitMs = 1_500;
const unknownTopicPauseMs = 100;

/**
 * The driver's producer of the moment. One that failed is destroyed, its settling awaited, and the
 * next one opened when it is needed.
 */
export class ProducerSessions {
  readonly #open: (closing: AbortSignal) => Promise<SendSession>;
  readonly #deps: KafkaDeps;
  readonly #learned = new Set<string>();
  readonly #proven = new Set<string>();
  #session: Promise<SendSession> | undefined;
  #records = 0;
  readonly #closing = new AbortController();

  /** @param open gives up when its signal fires: nobody wants the session any more */
  constructor(open: (closing: AbortSignal) => Promise<SendSession>, deps: KafkaDeps) {
    this.#open = open;
    this.#deps = deps;
  }

  /** Whether a write to the topic has succeeded in this process. */
  isProven(topic: string): boolean {
    return this.#proven.has(topic);
  }

  /** Whether the topic was there when this session looked. */
  isLearned(topic: string): boolean {
    return this.#learned.has(topic);
  }

  /** The topic is there: `isLearned` says so until it is forgotten, or the session ends. */
  markLearned(topic: string): void {
    this.#learned.add(topic);
  }

  /**
   * The session of the moment, opened if need be.
   *
   * @throws what opening it fails with: driver errors as they are; the next call opens again
   * @throws {WriteRejectedError} the producer is closed
   */
  async ready(): Promise<SendSession> {
    this.#closing.signal.throwIfAborted();
    this.#session ??= this.#open(this.#closing.signal);
    const opening = this.#session;
    try {
      return await opening;
    } catch (error) {
      if (this.#session === opening) this.#session = undefined;
      throw error;
    }
  }

  /**
   * Looks whether a topic exists and may be seen; resolves when it does.
   *
   * @throws driver errors as they are, also those of opening a session
   * @throws {WriteRejectedError} the producer is closed
   */
  async learn(topic: string): Promise<void> {
    const { clock } = this.#deps;
    const giveUpMs = clock.steadyMs() + unknownTopicLimitMs;
    for (;;) {
      const session = await this.ready();
      try {
        return await session.learnTopic(topic);
      } catch (error) {
        const type = protocolErrorOf(error);
        const waits = type === 'UNKNOWN_TOPIC_OR_PARTITION' || type === 'LEADER_NOT_AVAILABLE';
        if (!waits || clock.steadyMs() > giveUpMs) throw error;
        await clock.sleep(unknownTopicPauseMs);
      }
    }
  }

  /** Records of a topic were acknowledged. */
  proven(topic: string, records: number): void {
    this.#proven.add(topic);
    this.#records += records;
  }

  /** How many records were acknowledged in this session. */
  get records(): number {
    return this.#records;
  }

  /** The topic is gone: it is looked for before its next record. */
  forget(topic: string): void {
    this.#learned.delete(topic);
    this.#proven.delete(topic);
  }

  /**
   * Destroys the session; resolves when nothing of it can reach Kafka any more. Records under way
   * may be stored or not. Never rejects.
   */
  async discard(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    this.#records = 0;
    this.#learned.clear();
    await session?.then(
      (opened) => opened.destroy(),
      () => undefined,
    );
  }

  /** Final: discards the session, and no other one is opened. Never rejects. */
  async close(): Promise<void> {
    this.#closing.abort(closedError());
    await this.discard();
  }
}

/** What is produced after the end, or was still waiting then: certainly not stored. */
export function closedError(): WriteRejectedError {
  return new WriteRejectedError('the Kafka producer is closed: nothing was sent');
}
