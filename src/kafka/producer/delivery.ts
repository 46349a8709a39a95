import { Offset, Partition } from '../../model/position.ts';
import type { Deadline } from '../../runtime/waiting.ts';
import type { SendSession } from '../driver/idempotent-producer.ts';
import type { KafkaDeps } from '../driver/kafka-client.ts';
import { isRetriable } from '../driver/kafkajs.ts';
import { MissingTopicsError } from '../driver/missing-topics.ts';
import { MovedRecordsError } from '../driver/moved-records.ts';
import type { SendAnswer } from '../driver/wire/produce.ts';
import { causeOf, protocolErrorOf } from '../driver-errors.ts';
import type { ProducerSessions } from './producer-sessions.ts';
import type { PendingRecord } from './send-queue.ts';
import { type Failure, isRefusalOfOne, type WriteErrors } from './write-errors.ts';

const firstPauseMs = 50;
const maxPauseMs = 1_000;
const reopenPauseMs = 250;

/** Records that go out together: of one partition, once that is known. */
interface Piece {
  readonly records: readonly PendingRecord[];
  /** Whether they may be stored. Then only the session that sent them can find out. */
  readonly isDoubtful: boolean;
}

/** Pieces of one partition, in the order of their calls. The first one is sent next. */
type Lane = readonly Piece[];

/** What the deliveries of one producer work with; the producer owns all of it. */
export interface DeliveryDeps {
  readonly sessions: ProducerSessions;
  readonly deps: KafkaDeps;
  readonly errors: WriteErrors;
  /** Takes out of everything that still waits the events that come after a failed one. */
  readonly takeAfter: (isAfter: (record: PendingRecord) => boolean) => readonly PendingRecord[];
}

/**
 * The way of one batch until each of its records has its answer: one send after another, never two
 * at a time.
 *
 * A partition answers for its own records only. When a broker refuses a partition's records for the
 * sake of one of them, they are halved and sent again, the first half first, until the culprit is
 * alone. A refusal uses up no sequence numbers, so the halves take those of the whole. Records that
 * were not acknowledged for a passing reason are sent again in the same grouping: the broker knows
 * them by their numbers if it has stored them.
 *
 * If an event went out after a failed one of the same key, its journal could get a hole. So it is
 * not sent, and its caller gets an error that says so.
 */
export class Delivery {
  readonly #deps: DeliveryDeps;
  readonly #deadline: Deadline;
  #lanes: readonly Lane[];
  #pauseMs = 0;
  /** What kept records from being acknowledged so far. */
  #trouble: Error | undefined;
  /** The last failure of the send under way: the driver hides it while it tries again. */
  #troubleOfSend: () => Error | undefined = () => undefined;

  /** @param deadline the time of the first record; its owner ends it */
  constructor(deps: DeliveryDeps, batch: readonly PendingRecord[], deadline: Deadline) {
    this.#deps = deps;
    this.#deadline = deadline;
    this.#lanes = [[{ records: batch, isDoubtful: false }]];
  }

  /** The failure that keeps records waiting for their answer; `undefined` = none is known. */
  get trouble(): Error | undefined {
    return this.#lanes.length === 0 ? undefined : (this.#troubleOfSend() ?? this.#trouble);
  }

  /**
   * Sends until every record has its answer, or its deadline is over. What a send fails with goes
   * to the callers of its records.
   *
   * @throws anything unexpected. Some callers may then be without an answer
   */
  async run(): Promise<void> {
    while (this.#lanes.length > 0) {
      const session = await this.#session();
      if (session === 'expired') return this.#expire();
      if (session instanceof Error) {
        const failures = this.#lanes.flat().map(({ records, isDoubtful }) => {
          return this.#deps.errors.failureOf(records, session, isDoubtful);
        });
        this.#lanes = [];
        return this.#fail(failures);
      }
      // The first piece of each partition, all in one send.
      const records = this.#lanes.flatMap(([head]) => (head as Piece).records);
      const byTopic = [...Map.groupBy(records, ({ topic }) => topic)];
      const topics = byTopic.map(([topic, ofTopic]) => {
        return { topic, messages: ofTopic.map(({ message }) => message) };
      });
      const { lastError: before } = session;
      this.#troubleOfSend = () => (session.lastError === before ? undefined : session.lastError);
      const sending = session.send(topics).then(
        (answers) => ({ answers }),
        (error: unknown) => ({ error }),
      );
      const outcome = await this.#deadline.within(sending);
      this.#troubleOfSend = () => undefined;
      if (outcome === 'expired') {
        this.#trouble = session.lastError ?? this.#trouble;
        this.#lanes = this.#lanes.map(([head, ...rest]) => [
          { records: (head as Piece).records, isDoubtful: true },
          ...rest,
        ]);
        return this.#expire();
      }
      if ('error' in outcome) await this.#notSent(outcome.error);
      else await this.#settle(outcome.answers);
    }
  }

  /** The session to send with, after the pause that is due, or why there is none. */
  async #session(): Promise<SendSession | Error | 'expired'> {
    const { sessions, deps } = this.#deps;
    let pauseMs = this.#pauseMs;
    for (;;) {
      if (pauseMs > 0 && (await this.#deadline.within(deps.clock.sleep(pauseMs))) === 'expired')
        return 'expired';
      const opening = sessions.ready().catch((error: unknown) => {
        return this.#deps.errors.of(error, this.#lanes[0]?.[0]?.records[0]?.topic);
      });
      const found = await this.#deadline.within(opening);
      if (!(found instanceof Error) || !found.retryable) return found;
      deps.log.debug({ err: found }, 'no Kafka producer yet; trying again');
      this.#trouble = found;
      pauseMs = reopenPauseMs;
    }
  }

  /**
   * The brokers have answered. Each partition becomes a lane of its own from now on, with what is
   * to be sent again.
   */
  async #settle(answers: readonly SendAnswer[]): Promise<void> {
    const failures: Failure[] = [];
    const lanes: Lane[] = [];
    let isProgress = false;
    for (const [head, ...rest] of this.#lanes as readonly [Piece, ...Piece[]][]) {
      for (const [topic, ofTopic] of Map.groupBy(head.records, (record) => record.topic)) {
        for (const [partition, records] of Map.groupBy(ofTopic, (one) => one.message.partition)) {
          const answer = answers.find(
            (each) => each.topicName === topic && each.partition === partition,
          );
          const again = this.#settlePartition({ ...head, records }, answer, failures);
          if (again.length !== 1) isProgress = true;
          // The broker takes a part only if it has not stored the whole.
          const isStored = answer !== undefined && answer.error === undefined;
          const later = isStored ? rest.map((piece) => ({ ...piece, isDoubtful: false })) : rest;
          if (again.length + later.length > 0) lanes.push([...again, ...later]);
        }
      }
    }
    this.#lanes = lanes;
    this.#pauseMs = isProgress
      ? 0
      : Math.min(Math.max(firstPauseMs, this.#pauseMs * 2), maxPauseMs);
    return this.#fail(failures);
  }

  /** Answers the records of one partition; gives back what is to be sent again. */
  #settlePartition(
    { records, isDoubtful }: Piece,
    answer: SendAnswer | undefined,
    failures: Failure[],
  ): readonly Piece[] {
    const { errors, sessions } = this.#deps;
    const error = answer?.error;
    if (error === undefined) {
      if (resolveAll(records, answer?.baseOffset)) {
        sessions.proven((records[0] as PendingRecord).topic, records.length);
      } else failures.push(errors.withoutOffset(records));
      return [];
    }
    const isInDoubt = isDoubtful || answer?.isDoubtful === true;
    if (isRetriable(error)) {
      this.#trouble = error;
      return [{ records, isDoubtful: isInDoubt }];
    }
    if (records.length > 1 && isRefusalOfOne(protocolErrorOf(error))) {
      const middle = Math.ceil(records.length / 2);
      const halves = [records.slice(0, middle), records.slice(middle)];
      return halves.map((half) => ({ records: half, isDoubtful }));
    }
    failures.push(errors.failureOf(records, error, isInDoubt));
    return [];
  }

  /** The driver could not send. Missing topics, and records that have moved, fail alone. */
  async #notSent(error: unknown): Promise<void> {
    const { errors, sessions } = this.#deps;
    const missing = causeOf(error, MissingTopicsError)?.missing;
    const moved = causeOf(error, MovedRecordsError);
    const reasonOf = (record: PendingRecord): unknown => whyNotSent(record, error);
    const failures: Failure[] = [];
    const lanes: Lane[] = [];
    for (const [head, ...rest] of this.#lanes as readonly [Piece, ...Piece[]][]) {
      const left: PendingRecord[] = [];
      for (const ofTopic of Map.groupBy(head.records, ({ topic }) => topic).values()) {
        for (const [reason, records] of Map.groupBy(ofTopic, reasonOf)) {
          if (reason === undefined) left.push(...records);
          else failures.push(errors.failureOf(records, reason, head.isDoubtful));
        }
      }
      lanes.push(left.length === 0 ? rest : [{ ...head, records: left }, ...rest]);
    }
    this.#lanes = lanes.filter((lane) => lane.length > 0);
    this.#pauseMs = 0;
    for (const topic of missing?.keys() ?? []) sessions.forget(topic);
    if (missing === undefined && moved === undefined) await sessions.discard();
    return this.#fail(failures);
  }

  /** The deadline has passed: all records that are left fail. */
  #expire(): Promise<void> {
    const { errors } = this.#deps;
    const failures = this.#lanes.flat().map(({ records, isDoubtful }) => {
      return errors.expired(records, isDoubtful, this.#trouble);
    });
    this.#lanes = [];
    return this.#fail(failures);
  }

  /**
   * Rejects the calls of failed records, and of events after them. If it is unknown whether a
   * record is stored, and its caller went on while the session lived, the record could still land.
   * So the session is destroyed first.
   */
  async #fail(found: readonly Failure[]): Promise<void> {
    if (found.length === 0) return;
    const { errors, sessions, takeAfter } = this.#deps;
    const failures = [...found];
    if (found.some(({ isUnknown }) => isUnknown)) {
      await sessions.discard();
      for (const { records, isDoubtful } of this.#lanes.flat()) {
        if (isDoubtful) failures.push(errors.failureOf(records, this.#trouble, true));
      }
      this.#without(({ isDoubtful }) => isDoubtful);
    }
    const errorOf = errors.afterAny(failures);
    const isAfter = (record: PendingRecord): boolean => errorOf(record) !== undefined;
    const after = this.#lanes.flatMap((lane) =>
      lane.flatMap(({ records }) => records.filter(isAfter)),
    );
    if (after.length > 0) this.#without((_, record) => isAfter(record));
    after.push(...takeAfter(isAfter));
    for (const { records, error } of failures) for (const record of records) record.reject(error);
    for (const record of after) record.reject(errorOf(record) as Error);
  }

  #without(isLeftOut: (piece: Piece, record: PendingRecord) => boolean): void {
    const lanes = this.#lanes.map((lane) => {
      const pieces = lane.map((piece) => ({
        ...piece,
        records: piece.records.filter((record) => !isLeftOut(piece, record)),
      }));
      return pieces.filter(({ records }) => records.length > 0);
    });
    this.#lanes = lanes.filter((lane) => lane.length > 0);
  }
}

/** `undefined` = for the sake of others: without them it can be sent again. */
function whyNotSent({ topic, message }: PendingRecord, error: unknown): unknown {
  const moved = causeOf(error, MovedRecordsError);
  if (moved !== undefined) return moved.concerns(topic, message) ? moved : undefined;
  const missing = causeOf(error, MissingTopicsError);
  return missing === undefined ? error : missing.missing.get(topic);
}

/**
 * Resolves the calls of records that one partition stored: from `baseOffset` on, one after another.
 * False when that is no offset; then no call was resolved.
 */
function resolveAll(records: readonly PendingRecord[], baseOffset: string | undefined): boolean {
  const base = Number(baseOffset);
  if (!Number.isSafeInteger(base + records.length) || base < 0) return false;
  for (let i = 0; i < records.length; i++) {
    const { message, resolve } = records[i] as PendingRecord;
    resolve({ partition: Partition.of(message.partition), offset: Offset.of(base + i) });
  }
  return true;
}
