import { type JournalError, WriteFailedError } from '../model/errors.ts';
import { Offset, Partition } from '../model/position.ts';
import type { SendAnswer, SendSession } from './driver/idempotent-producer.ts';
import type { OutgoingRecord, TopicRecords } from './driver/outgoing-record.ts';
import { type CallPlace, journalErrorOf, protocolErrorOf } from './driver-errors.ts';
import type { PendingRecord } from './send-queue.ts';

/** How a send ended. */
export type SendOutcome =
  | { readonly type: 'answered'; readonly answers: readonly SendAnswer[] }
  | {
      readonly type: 'failed';
      readonly errorFor: (place: CallPlace, limitMs: number) => JournalError;
    };

/** Refusals after which nothing of the partition is stored. */
const refusals: readonly (string | undefined)[] = [
  'TOPIC_AUTHORIZATION_FAILED',
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_RECORD',
];

/** Sends a batch once; kafkajs repeats it inside until it is answered, refused, or time is over. */
export async function sendOutcome(
  session: SendSession,
  batch: readonly PendingRecord[],
  expiry: Promise<'expired'>,
): Promise<SendOutcome> {
  const sending = session.send(topicRecordsOf(batch)).then(
    (answers) => ({ type: 'answered', answers }) as const,
    (error: unknown) =>
      ({ type: 'failed', errorFor: (place: CallPlace) => failure(error, batch, place) }) as const,
  );
  const outcome = await Promise.race([sending, expiry]);
  return outcome === 'expired' ? { type: 'failed', errorFor: noAnswer } : outcome;
}

/** By topic, in the order of the calls. */
export function topicRecordsOf(batch: readonly PendingRecord[]): TopicRecords[] {
  const topics: TopicRecords[] = [];
  let last: TopicRecords | undefined;
  for (const { topic, message } of batch) {
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

/**
 * Tells each caller its place: the records of one partition lie one after another from its base
 * offset, in the order of the calls. False when any had no offset; its caller is told that the
 * write failed.
 */
export function offsetsOf(
  batch: readonly PendingRecord[],
  answers: readonly SendAnswer[],
): boolean {
  const next = new Map<string, number[]>();
  for (const { topicName, partition, baseOffset } of answers) {
    let offsets = next.get(topicName);
    if (offsets === undefined) {
      offsets = [];
      next.set(topicName, offsets);
    }
    offsets[partition] = baseOffset === undefined ? -1 : Number(baseOffset);
  }
  let topic: string | undefined;
  let offsets: number[] = [];
  let complete = true;
  for (const record of batch) {
    if (record.topic !== topic) {
      topic = record.topic;
      offsets = next.get(topic) ?? [];
    }
    const { partition } = record.message;
    const offset = offsets[partition];
    if (offset === undefined || offset < 0) {
      complete = false;
      record.reject(
        new WriteFailedError(`Kafka answered without an offset for ${topic}:${partition}`),
      );
    } else {
      offsets[partition] = offset + 1;
      record.resolve({ partition: Partition.of(partition), offset: Offset.of(offset) });
    }
  }
  return complete;
}

function failure(error: unknown, batch: readonly PendingRecord[], place: CallPlace): JournalError {
  if (isRefused(protocolErrorOf(error), batch)) return journalErrorOf(error, place);
  const message = error instanceof Error ? error.message : String(error);
  return new WriteFailedError(
    `a write to topic ${place.topic} failed and may or may not be stored ` +
      `(Kafka at ${place.address}): ${message}`,
    { cause: error },
  );
}

/** Whether the error says of every record of the batch that it was not stored. */
function isRefused(type: string | undefined, batch: readonly PendingRecord[]): boolean {
  if (!refusals.includes(type)) return false;
  const [first] = batch as [PendingRecord];
  if (type === 'TOPIC_AUTHORIZATION_FAILED')
    return batch.every(({ topic }) => topic === first.topic);
  return batch.every((record) => sameBatch(record, first));
}

function sameBatch(a: PendingRecord, b: PendingRecord): boolean {
  const [one, two]: readonly OutgoingRecord[] = [a.message, b.message] as const;
  return a.topic === b.topic && one?.partition === two?.partition;
}

function noAnswer(place: CallPlace, limitMs: number): WriteFailedError {
  return new WriteFailedError(
    `no answer within ${limitMs} ms for a write to topic ${place.topic}: ` +
      `it may or may not be stored (Kafka at ${place.address})`,
  );
}
