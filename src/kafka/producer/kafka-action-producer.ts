import { encodeAction } from '../../codec/record/action-record-codec.ts';
import type { KafkaSettings } from '../../config/settings/kafka-settings.ts';
import type { Action } from '../../model/action.ts';
import { type JournalError, WriteRejectedError } from '../../model/errors.ts';
import { Key } from '../../model/key.ts';
import type { PartitionOffset, Topic } from '../../model/position.ts';
import type { ActionProducer, ProduceOptions } from '../../ports/action-producer.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import { Deadline, nextTurn, within } from '../../runtime/waiting.ts';
import { openIdempotentProducer } from '../driver/idempotent-producer.ts';
import { addressOf, type KafkaDeps } from '../driver/kafka-client.ts';
import { journalErrorOf } from '../driver-errors.ts';
import { Delivery, type DeliveryDeps } from './delivery.ts';
import { closedError, ProducerSessions } from './producer-sessions.ts';
import { type PendingRecord, SendQueue } from './send-queue.ts';
import { TopicGate } from './topic-gate.ts';
import { notSent, WriteErrors } from './write-errors.ts';

/** Bounds of group commit; tests choose smaller ones. */
export interface ProducerLimits {
  /** Records in one send. */
  readonly sendRecords: number;
  /** Records and bytes that may wait for their send. */
  readonly queueRecords: number;
  readonly queueBytes: number;
  /** Records of one session: kafkajs breaks its sequence numbers at 2^31. */
  readonly sessionRecords: number;
  /** How long `asyncDispose` lets what was accepted go out. */
  readonly closeMs: number;
}

/** How a producer is opened. */
export interface ProducerOptions extends CallOptions {
  readonly limits?: Partial<ProducerLimits>;
  /** Named when the user may not write to any topic. */
  readonly topic?: Topic | undefined;
}

const defaultLimits: ProducerLimits = {
  sendRecords: 1_000,
  queueRecords: 100_000,
  queueBytes: 64 * 1024 * 1024,
  sessionRecords: 1_000_000_000,
  closeMs: 5_000,
};

/** Room that a record takes in a batch beside its key, value and headers; generous. */
const recordOverheadBytes = 48;
const headerOverheadBytes = 8;
const maxUtf8BytesOfUnit = 3;
const reopenPauseMs = 250;
/** So many records are worth a send of their own. */
const worthASend = 64;

/**
 * Opens the producer of one process: idempotent, acknowledged by all in-sync replicas, exactly one
 * send in flight; what arrives meanwhile goes out together in the next one (ADR 6).
 *
 * @throws {LogUnavailableError} no broker answered within the request timeout; names the addresses
 * @throws {AccessDeniedError} the user may not write to any topic
 * @throws the abort reason when `signal` fires
 */
export async function openKafkaActionProducer(
  settings: KafkaSettings,
  deps: KafkaDeps,
  options: ProducerOptions = {},
): Promise<ActionProducer> {
  const { topic } = options;
  const place = { address: addressOf(settings), topic, right: 'WRITE' } as const;
  const giveUpMs = deps.clock.steadyMs() + settings.requestTimeoutMs;
  let { signal } = options;
  const sessions = new ProducerSessions((closing) => {
    const either = signal === undefined ? closing : AbortSignal.any([signal, closing]);
    return openIdempotentProducer(settings, deps, { signal: either });
  }, deps);
  for (;;) {
    signal?.throwIfAborted();
    try {
      await sessions.ready();
      break;
    } catch (cause) {
      signal?.throwIfAborted();
      const error = journalErrorOf(cause, place);
      if (!error.retryable || deps.clock.steadyMs() >= giveUpMs) throw error;
      await deps.clock.sleep(reopenPauseMs, { signal });
    }
  }
  // The caller's signal is about this opening. Sessions that the producer opens later do not see
  // it.
  signal = undefined;
  return new KafkaActionProducer(settings, deps, sessions, options.limits);
}

/**
 * One producer of actions. The way of a record: encoded and bounded (`produce`), held until its
 * topic is known (`TopicGate`), queued (`SendQueue`), sent with others until it has its answer
 * (`Delivery`). Disposing of it closes `sessions`.
 */
export class KafkaActionProducer implements ActionProducer {
  readonly #address: string;
  readonly #deps: KafkaDeps;
  readonly #limits: ProducerLimits;
  readonly #sessions: ProducerSessions;
  readonly #queue: SendQueue;
  readonly #gate: TopicGate;
  readonly #maxRecordBytes: number;
  readonly #deliveryTimeoutMs: number;
  readonly #delivery: DeliveryDeps;
  /** By journal: why an event was refused in this turn of the event loop. */
  readonly #refused = new Map<string, unknown>();
  /** Ends with the turn in which events were refused. */
  #refusing: Promise<void> | undefined;
  #draining: Promise<void> | undefined;
  #delivering: Delivery | undefined;
  #closing: Promise<void> | undefined;

  constructor(
    settings: KafkaSettings,
    deps: KafkaDeps,
    sessions: ProducerSessions,
    limits: Partial<ProducerLimits> = {},
  ) {
    const { maxRequestSizeBytes, deliveryTimeoutMs } = settings.producer;
    this.#address = addressOf(settings);
    this.#deps = deps;
    this.#sessions = sessions;
    this.#limits = { ...defaultLimits, ...limits };
    this.#maxRecordBytes = maxRequestSizeBytes;
    this.#deliveryTimeoutMs = deliveryTimeoutMs;
    this.#queue = new SendQueue(this.#limits.sendRecords, maxRequestSizeBytes);
    this.#gate = new TopicGate(sessions, deps, this.#address, (record) => {
      this.#queue.add(record);
      this.#draining ??= this.#drain();
    });
    this.#delivery = {
      sessions,
      deps,
      errors: new WriteErrors(this.#address, deliveryTimeoutMs),
      takeAfter: (isAfter) => [...this.#queue.takeWhere(isAfter), ...this.#gate.takeWhere(isAfter)],
    };
  }

  get trouble(): JournalError | undefined {
    const cause = this.#delivering?.trouble ?? this.#gate.trouble;
    return cause && this.#delivery.errors.of(cause, undefined);
  }

  // The hot path of every write: one promise and two small objects a record.
  produce(action: Action, options?: ProduceOptions): Promise<PartitionOffset> {
    if (options?.signal?.aborted) return Promise.reject(options.signal.reason);
    if (this.#closing !== undefined) return Promise.reject(closedError());
    let encoded: ReturnType<typeof encodeAction>;
    try {
      encoded = encodeAction(action);
    } catch (error) {
      return this.#refuse(action, error);
    }
    const { key, value, timestampMs, headers } = encoded;
    let bytes = recordOverheadBytes + key.length + (value === null ? 0 : value.length);
    for (const name in headers) {
      bytes +=
        headerOverheadBytes + name.length * maxUtf8BytesOfUnit + (headers[name] as Buffer).length;
    }
    const refusal = this.#refusal(action, bytes);
    if (refusal !== undefined) return this.#refuse(action, refusal);
    return new Promise((resolve, reject) => {
      this.#gate.admit({
        topic: action.key.topic,
        message: { key, value, timestampMs, headers, partition: options?.partition ?? -1 },
        bytes,
        deadlineMs: this.#deps.clock.steadyMs() + this.#deliveryTimeoutMs,
        resolve,
        reject,
      });
    });
  }

  /** Why the record is not taken; `undefined` when it is. */
  #refusal(action: Action, bytes: number): WriteRejectedError | undefined {
    const { topic, id } = action.key;
    const isAfter = this.#refused.size > 0 && action.header.type === 'append';
    const cause = isAfter ? this.#refused.get(Key.toString(action.key)) : undefined;
    if (cause !== undefined) {
      return new WriteRejectedError(
        `a write of ${topic}:${id} that came before failed: this one was not sent and is not stored`,
        { cause },
      );
    }
    if (bytes > this.#maxRecordBytes) {
      const limit = this.#maxRecordBytes;
      return new WriteRejectedError(
        `a record of ${topic}:${id} has ${bytes} bytes, more than ${limit}, and is not sent: make the ` +
          'event smaller, or raise kafka.producer.max-request-size, and max.message.bytes of the topic',
      );
    }
    const { queueRecords, queueBytes } = this.#limits;
    const records = this.#queue.records + this.#gate.records;
    if (records >= queueRecords || this.#queue.bytes + bytes > queueBytes) {
      return new WriteRejectedError(
        `${records} records wait for Kafka at ${this.#address}: no room for more`,
      );
    }
    return undefined;
  }

  /**
   * Rejects the call of what is not taken. A caller may call for several events of one journal
   * before it can see that the first is refused: if the others went out, the journal would get a
   * hole. So its events are refused with the first one until the turn of the event loop is over,
   * and only then do the callers hear of it. What comes after that was called for in the knowledge.
   */
  async #refuse({ key, header }: Action, error: unknown): Promise<never> {
    if (header.type === 'append') {
      const name = Key.toString(key);
      if (!this.#refused.has(name)) this.#refused.set(name, error);
      this.#refusing ??= nextTurn().then(() => {
        this.#refusing = undefined;
        this.#refused.clear();
      });
      await this.#refusing;
    }
    throw error;
  }

  /** Sends what waits, one batch after another. Never rejects: the calls of the records do. */
  async #drain(): Promise<void> {
    while (this.#queue.records > 0) {
      // What is produced in this turn of the event loop joins the send. But those whom the last
      // send has answered all write in one turn, which may last for milliseconds in which the
      // brokers have nothing to do. So once enough waits, the send does not wait for the turn.
      if (this.#queue.records < worthASend) await nextTurn();
      const expired = this.#queue.takeExpired(this.#deps.clock.steadyMs());
      for (const record of expired) record.reject(notSent(this.#address));
      const batch = this.#queue.take((topic) => this.#sessions.isProven(topic));
      if (batch.length > 0) await this.#deliver(batch);
      // Nothing is in flight here, so a new session, with new sequence numbers, may follow.
      if (this.#sessions.records >= this.#limits.sessionRecords) await this.#sessions.discard();
    }
    this.#draining = undefined;
  }

  /** Resolves when each call of the batch is settled. Never rejects. */
  async #deliver(batch: readonly PendingRecord[]): Promise<void> {
    const [{ deadlineMs }] = batch as [PendingRecord];
    const { clock } = this.#deps;
    const deadline = new Deadline(deadlineMs - clock.steadyMs(), clock);
    const delivery = new Delivery(this.#delivery, batch, deadline);
    this.#delivering = delivery;
    try {
      await delivery.run();
    } catch (error) {
      // No call may stay open, whatever happened. Rejecting a settled one changes nothing.
      await this.#sessions.discard();
      const failure = this.#delivery.errors.failureOf(batch, error, true);
      for (const record of batch) record.reject(failure.error);
    } finally {
      deadline.end();
      this.#delivering = undefined;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Lets what was accepted go out, within a limit; then rejects the calls that still wait. */
  async #close(): Promise<void> {
    await within(this.#idle(), this.#limits.closeMs, this.#deps.clock);
    for (const record of this.#queue.takeAll()) record.reject(closedError());
    await this.#sessions.close();
    await this.#idle();
  }

  /** Resolves when nothing waits and nothing is under way. */
  async #idle(): Promise<void> {
    await this.#gate.settled();
    await this.#draining;
  }
}
