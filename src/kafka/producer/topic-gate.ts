import type { JournalError } from '../../model/errors.ts';
import type { KafkaDeps } from '../driver/kafka-client.ts';
import { journalErrorOf } from '../driver-errors.ts';
import type { ProducerSessions } from './producer-sessions.ts';
import type { PendingRecord } from './send-queue.ts';
import { notSent } from './write-errors.ts';

const retryPauseMs = 250;

/**
 * Holds the records of a topic until Kafka has confirmed that it exists. If they were sent at once,
 * a topic that is missing would hold up the records of all others. Records of one topic leave in
 * the order in which they came.
 */
export class TopicGate {
  readonly #sessions: ProducerSessions;
  readonly #deps: KafkaDeps;
  readonly #address: string;
  readonly #pass: (record: PendingRecord) => void;
  readonly #waiting = new Map<string, PendingRecord[]>();
  readonly #looking = new Set<Promise<void>>();
  #records = 0;
  #trouble: JournalError | undefined;

  /**
   * @param address the bootstrap servers, for errors
   * @param pass takes the records that may be sent
   */
  constructor(
    sessions: ProducerSessions,
    deps: KafkaDeps,
    address: string,
    pass: (record: PendingRecord) => void,
  ) {
    this.#sessions = sessions;
    this.#deps = deps;
    this.#address = address;
    this.#pass = pass;
  }

  /** Records that wait here. */
  get records(): number {
    return this.#records;
  }

  /** Why asking for a topic has failed, for which records wait; `undefined` = it has not. */
  get trouble(): JournalError | undefined {
    return this.#records === 0 ? undefined : this.#trouble;
  }

  /** Passes the record on at once, or when its topic was found; else its call is rejected. */
  admit(record: PendingRecord): void {
    const { topic } = record;
    const waiting = this.#waiting.get(topic);
    if (waiting === undefined && this.#sessions.isLearned(topic)) {
      this.#pass(record);
      return;
    }
    this.#records += 1;
    if (waiting !== undefined) {
      waiting.push(record);
      return;
    }
    this.#waiting.set(topic, [record]);
    const looking: Promise<void> = this.#look(topic, record.deadlineMs).finally(() => {
      this.#looking.delete(looking);
    });
    this.#looking.add(looking);
  }

  /** Looks for the topic, then lets all its records go. Never rejects. */
  async #look(topic: string, deadlineMs: number): Promise<void> {
    const error = await this.#failureOf(topic, deadlineMs);
    const records = this.#waiting.get(topic) ?? [];
    this.#waiting.delete(topic);
    this.#records -= records.length;
    if (error === undefined) this.#sessions.markLearned(topic);
    for (const record of records) {
      if (error === undefined) this.#pass(record);
      else record.reject(error);
    }
  }

  /** Why the records of a topic cannot be sent; `undefined` when they can. */
  async #failureOf(topic: string, deadlineMs: number): Promise<JournalError | undefined> {
    const { clock, log } = this.#deps;
    const place = { address: this.#address, topic, right: 'WRITE' } as const;
    for (;;) {
      try {
        await this.#sessions.learn(topic);
        this.#trouble = undefined;
        return undefined;
      } catch (cause) {
        const error = journalErrorOf(cause, place);
        if (!error.retryable) return error;
        if (clock.steadyMs() >= deadlineMs) return notSent(place.address, error);
        this.#trouble = error;
        log.debug({ topic, err: error }, 'Kafka was not asked for the topic; trying again');
        await clock.sleep(retryPauseMs);
      }
    }
  }

  /** Takes records out; nothing more is done for them here. */
  takeWhere(isTaken: (record: PendingRecord) => boolean): PendingRecord[] {
    const taken: PendingRecord[] = [];
    for (const [topic, records] of this.#waiting) {
      taken.push(...records.filter(isTaken));
      this.#waiting.set(
        topic,
        records.filter((record) => !isTaken(record)),
      );
    }
    this.#records -= taken.length;
    return taken;
  }

  /** Resolves when what waits here at the moment has left; never rejects. */
  async settled(): Promise<void> {
    await Promise.all(this.#looking);
  }
}
