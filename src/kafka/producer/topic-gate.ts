import { type JournalError, WriteFailedError } from '../../model/errors.ts';
import { addressOf, type KafkaDeps } from '../driver/kafka-client.ts';
import { journalErrorOf } from '../driver-errors.ts';
import type { ProducerSessions } from './producer-sessions.ts';
import type { PendingRecord } from './send-queue.ts';

const retryPauseMs = 250;

/**
 * Holds the records of topics that nobody has looked for yet: a topic that does not exist must fail
 * its own records only, and hold up no other. Records of one topic leave in the order in which they
 * came.
 */
export class TopicGate {
  readonly #sessions: ProducerSessions;
  readonly #deps: KafkaDeps;
  readonly #address: string;
  readonly #pass: (record: PendingRecord) => void;
  readonly #waiting = new Map<string, PendingRecord[]>();
  readonly #looking = new Set<Promise<void>>();
  #records = 0;

  constructor(
    parts: {
      readonly sessions: ProducerSessions;
      readonly deps: KafkaDeps;
      readonly settings: { readonly bootstrapServers: readonly string[] };
    },
    pass: (record: PendingRecord) => void,
  ) {
    this.#sessions = parts.sessions;
    this.#deps = parts.deps;
    this.#address = addressOf(parts.settings);
    this.#pass = pass;
  }

  /** Records that wait here. */
  get records(): number {
    return this.#records;
  }

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
        return undefined;
      } catch (cause) {
        const error = journalErrorOf(cause, place);
        if (!error.retryable) return error;
        if (clock.nowMs() >= deadlineMs) return notSent(place.address, error);
        log.debug({ topic, err: error }, 'Kafka was not asked for the topic; trying again');
        await clock.sleep(retryPauseMs);
      }
    }
  }

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

  /** Resolves when nothing waits here. */
  async settled(): Promise<void> {
    await Promise.all(this.#looking);
  }
}

/** The write deadline passed before the record was handed to Kafka. */
export function notSent(address: string, cause?: unknown): WriteFailedError {
  return new WriteFailedError(`Kafka at ${address} took no record before the deadline: not sent`, {
    cause,
  });
}
