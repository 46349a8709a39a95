import {
  AccessDeniedError,
  type JournalError,
  NotSetUpError,
  WriteFailedError,
  WriteRejectedError,
} from '../../model/errors.ts';
import { journalErrorOf, protocolErrorOf } from '../driver-errors.ts';
import type { PendingRecord } from './send-queue.ts';

/** Records whose calls fail, and with what. */
export interface Failure {
  readonly records: readonly PendingRecord[];
  readonly error: JournalError;
  /** Whether they may be stored. */
  readonly isUnknown: boolean;
}

/** Refusals for the sake of one record, and what to do. Without it the broker takes the others. */
const refusalsOfOne: Readonly<Record<string, string>> = {
  MESSAGE_TOO_LARGE:
    'it is above max.message.bytes of the topic (message.max.bytes of the broker). Make the event ' +
    'smaller, or raise that limit, and kafka.producer.max-request-size with it',
  RECORD_LIST_TOO_LARGE:
    'it is above segment.bytes of the topic. Make the event smaller, or raise that limit',
  INVALID_RECORD: 'the topic does not take such records: look at its cleanup.policy and validation',
  INVALID_TIMESTAMP:
    'its timestamp is outside of message.timestamp.before.max.ms and message.timestamp.after.max.ms ' +
    'of the topic: look at the clocks, or raise these limits',
};

/** Whether a broker refuses a batch so for the sake of one of its records. */
export function isRefusalOfOne(type: string | undefined): boolean {
  return type !== undefined && Object.hasOwn(refusalsOfOne, type);
}

/** The errors of writes to one cluster. */
export class WriteErrors {
  readonly #address: string;
  readonly #limitMs: number;

  /** @param limitMs the write deadline */
  constructor(address: string, limitMs: number) {
    this.#address = address;
    this.#limitMs = limitMs;
  }

  /** What the driver failed with, as one of our errors. */
  of(error: unknown, topic: string | undefined): JournalError {
    return journalErrorOf(error, { address: this.#address, topic, right: 'WRITE' });
  }

  /**
   * How the calls of records of one topic fail: rejected when they are certainly not stored, failed
   * otherwise.
   *
   * @param isDoubtful whether an attempt before the failure may have stored the records
   */
  failureOf(records: readonly PendingRecord[], cause: unknown, isDoubtful: boolean): Failure {
    const { topic } = records[0] as PendingRecord;
    const [only, ...others] = records as [PendingRecord, ...PendingRecord[]];
    if (!isDoubtful && others.length === 0 && isRefusalOfOne(protocolErrorOf(cause))) {
      const type = protocolErrorOf(cause) as string;
      const error = new WriteRejectedError(
        `Kafka at ${this.#address} refuses a record of ${journalOf(only)} (${only.bytes} bytes ` +
          `before compression, partition ${only.message.partition}), and nothing of it is stored: ` +
          `${refusalsOfOne[type]} (${type})`,
        { cause },
      );
      return { records, error, isUnknown: false };
    }
    const mapped = this.of(cause, topic);
    const isCertain =
      mapped instanceof WriteRejectedError ||
      mapped instanceof AccessDeniedError ||
      mapped instanceof NotSetUpError;
    if (isCertain && !isDoubtful) return { records, error: mapped, isUnknown: false };
    const text = cause instanceof Error ? cause.message : String(cause);
    const error = new WriteFailedError(
      `a write to topic ${topic} failed and may or may not be stored (Kafka at ${this.#address}): ${text}`,
      { cause },
    );
    return { records, error, isUnknown: true };
  }

  /** The broker acknowledged the records, but where they begin is no offset. */
  withoutOffset(records: readonly PendingRecord[]): Failure {
    const { topic, message } = records[0] as PendingRecord;
    const text = `Kafka answered without an offset for ${topic}:${message.partition}`;
    const error = new WriteFailedError(`${text}: the write may or may not be stored`);
    return { records, error, isUnknown: true };
  }

  /**
   * The write deadline has passed.
   *
   * @param trouble what kept the records from being acknowledged, as far as is known
   */
  expired(
    records: readonly PendingRecord[],
    isDoubtful: boolean,
    trouble: Error | undefined,
  ): Failure {
    const { topic } = records[0] as PendingRecord;
    if (!isDoubtful) {
      return { records, error: notSent(this.#address, trouble), isUnknown: false };
    }
    const error = new WriteFailedError(
      `no answer within ${this.#limitMs} ms for a write to topic ${topic}: it may or may not be ` +
        `stored (Kafka at ${this.#address})${trouble === undefined ? '' : `: ${trouble.message}`}`,
      { cause: trouble },
    );
    return { records, error, isUnknown: true };
  }

  /**
   * Why an event may not be sent any more: one before it, of the same key, is among the failed.
   * `undefined` for records that may go on.
   */
  afterAny(failures: readonly Failure[]): (record: PendingRecord) => JournalError | undefined {
    const byKey = new Map<string, JournalError>();
    for (const { records, error } of failures) {
      for (const record of records) {
        if (isEvent(record)) byKey.set(journalOf(record), error);
      }
    }
    const errors = new Map<JournalError, JournalError>();
    return (record) => {
      const cause = isEvent(record) ? byKey.get(journalOf(record)) : undefined;
      if (
        cause === undefined ||
        cause instanceof AccessDeniedError ||
        cause instanceof NotSetUpError
      )
        return cause;
      let error = errors.get(cause);
      if (error === undefined) {
        const text = `a write of ${journalOf(record)} that came before failed`;
        error = new WriteRejectedError(`${text}: this one was not sent and is not stored`, {
          cause,
        });
        errors.set(cause, error);
      }
      return error;
    };
  }
}

/** The write deadline passed before the record was handed to Kafka: it is not stored. */
export function notSent(address: string, cause?: unknown): WriteFailedError {
  return new WriteFailedError(`Kafka at ${address} took no record before the deadline: not sent`, {
    cause,
  });
}

/** Marks, deletes and purges have no value; they leave no hole. */
function isEvent({ message }: PendingRecord): boolean {
  return message.value !== null;
}

function journalOf({ topic, message }: PendingRecord): string {
  return `${topic}:${message.key.toString()}`;
}
