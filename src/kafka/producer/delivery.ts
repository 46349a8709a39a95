import { Offset, Partition } from '../../model/position.ts';
import type { Deadline } from '../../runtime/waiting.ts';
import type { SendSession } from '../driver/idempotent-producer.ts';
import type { KafkaDeps } from '../driver/kafka-client.ts';
import { isRetriable } from '../driver/kafkajs.ts';
import { MissingTopicsError } from '../driver/missing-topics.ts';
import type { TopicRecords } from '../driver/wire/outgoing-record.ts';
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

export interface DeliveryDeps {
  readonly sessions: ProducerSessions;
  readonly deps: KafkaDeps;
  readonly errors: WriteErrors;
  /** Takes the events out of what waits that come after a failed one of their key. */
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
 * An event that comes after one of the same key that is not stored, or perhaps not, is not sent: its
 * journal would get a hole.
 */
export class Delivery {
  readonly #deps: DeliveryDeps;
  readonly #deadline: Deadline;
  #lanes: readonly Lane[];
  #pauseMs = 0;
  /** What kept records from being acknowledged so far. */
  #trouble: Error | undefined;

  /** @param deadline the time of the first record; its owner ends it */
  constructor(deps: DeliveryDeps, batch: readonly PendingRecord[], deadline: Deadline) {
    this.#deps = deps;
    this.#deadline = deadline;
    this.#lanes = [[{ records: batch, isDoubtful: false }]];
  }

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
      await this.#send(session);
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

  async #send(session: SendSession): Promise<void> {
    const heads = this.#lanes.map(([head]) => head as Piece);
    const [first] = heads as [Piece];
    const records = heads.length === 1 ? first.records : heads.flatMap((piece) => piece.records);
    const sending = session.send(topicRecordsOf(records)).then(
      (answers) => ({ answers }),
      (error: unknown) => ({ error }),
    );
    const outcome = await this.#deadline.within(sending);
    if (outcome === 'expired') {
      this.#trouble = session.lastError ?? this.#trouble;
      this.#lanes = this.#lanes.map(([head, ...rest]) => [
        { records: (head as Piece).records, isDoubtful: true },
        ...rest,
      ]);
      return this.#expire();
    }
    return 'error' in outcome ? this.#notSent(outcome.error) : this.#settle(outcome.answers);
  }

  async #settle(answers: readonly SendAnswer[]): Promise<void> {
    const failures: Failure[] = [];
    const lanes: Lane[] = [];
    let isProgress = false;
    for (const [head, ...rest] of this.#lanes as readonly [Piece, ...Piece[]][]) {
      for (const { records, answer } of byPlace(head.records, answers)) {
        const again = this.#settlePlace({ ...head, records }, answer, failures);
        if (again.length !== 1) isProgress = true;
        // The broker takes a part only if it has not stored the whole.
        const isStored = answer !== undefined && answer.error === undefined;
        const later = isStored ? rest.map((piece) => ({ ...piece, isDoubtful: false })) : rest;
        if (again.length + later.length > 0) lanes.push([...again, ...later]);
      }
    }
    this.#lanes = lanes;
    this.#pauseMs = isProgress
      ? 0
      : Math.min(Math.max(firstPauseMs, this.#pauseMs * 2), maxPauseMs);
    return this.#fail(failures);
  }

  /** Answers the records of one partition; gives back what is to be sent again. */
  #settlePlace(
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

  /** The driver could not send. Missing topics fail their own records only. */
  async #notSent(error: unknown): Promise<void> {
    const { errors, sessions } = this.#deps;
    const missing = causeOf(error, MissingTopicsError)?.missing;
    const failures: Failure[] = [];
    const lanes: Lane[] = [];
    for (const [head, ...rest] of this.#lanes as readonly [Piece, ...Piece[]][]) {
      const left: PendingRecord[] = [];
      for (const [topic, records] of Map.groupBy(head.records, (record) => record.topic)) {
        const reason = missing === undefined ? error : missing.get(topic);
        if (reason === undefined) left.push(...records);
        else failures.push(errors.failureOf(records, reason, head.isDoubtful));
      }
      const lane = left.length === 0 ? rest : [{ ...head, records: left }, ...rest];
      if (lane.length > 0) lanes.push(lane);
    }
    this.#lanes = lanes;
    this.#pauseMs = 0;
    for (const topic of missing?.keys() ?? []) sessions.forget(topic);
    if (missing === undefined) await sessions.discard();
    return this.#fail(failures);
  }

  /** The time is over. */
  #expire(): Promise<void> {
    const { errors } = this.#deps;
    const failures = this.#lanes.flat().map(({ records, isDoubtful }) => {
      return errors.expired(records, isDoubtful, this.#trouble);
    });
    this.#lanes = [];
    return this.#fail(failures);
  }

  /**
   * Tells the callers of failed records, and of events after them. When it is not known whether a
   * record is stored, its caller may go on only when nothing of the session can land any more.
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

/** By topic, in the order of the calls. */
function topicRecordsOf(records: readonly PendingRecord[]): TopicRecords[] {
  const topics: TopicRecords[] = [];
  let last: TopicRecords | undefined;
  for (const { topic, message } of records) {
    if (last?.topic !== topic) {
      last = topics.find((candidate) => candidate.topic === topic);
      if (last === undefined) {
        last = { topic, messages: [] };
        topics.push(last);
      }
    }
    last.messages.push(message);
  }
  return topics;
}

interface AnsweredRecords {
  readonly records: PendingRecord[];
  readonly answer: SendAnswer | undefined;
}

/** Records of one partition each, in the order of the calls, and what the broker said of them. */
function byPlace(
  records: readonly PendingRecord[],
  answers: readonly SendAnswer[],
): AnsweredRecords[] {
  const places: AnsweredRecords[] = [];
  const byTopic = new Map<string, (AnsweredRecords | undefined)[]>();
  let topic: string | undefined;
  let ofTopic: (AnsweredRecords | undefined)[] = [];
  for (const record of records) {
    if (record.topic !== topic) {
      topic = record.topic;
      ofTopic = byTopic.get(topic) ?? [];
      byTopic.set(topic, ofTopic);
    }
    const { partition } = record.message;
    let place = ofTopic[partition];
    if (place === undefined) {
      const answer = answers.find(
        (each) => each.topicName === topic && each.partition === partition,
      );
      place = { records: [], answer };
      ofTopic[partition] = place;
      places.push(place);
    }
    place.records.push(record);
  }
  return places;
}

/** Records of one partition lie one after another from its base offset. False: it is none. */
function resolveAll(records: readonly PendingRecord[], baseOffset: string | undefined): boolean {
  const base = Number(baseOffset);
  if (!Number.isSafeInteger(base + records.length) || base < 0) return false;
  for (let i = 0; i < records.length; i++) {
    const { message, resolve } = records[i] as PendingRecord;
    resolve({ partition: Partition.of(message.partition), offset: Offset.of(base + i) });
  }
  return true;
}
