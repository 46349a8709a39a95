import { randomUUID } from 'node:crypto';
import type { Action, ActionRecord } from '../../src/model/action.ts';
import { Key } from '../../src/model/key.ts';
import type { Offset, Partition, Topic } from '../../src/model/position.ts';
import { RecordMetadata } from '../../src/model/record-metadata.ts';
import { SeqNr } from '../../src/model/seq-nr.ts';
import type { ActionConsumer } from '../../src/ports/action-consumer.ts';
import type { ActionProducer } from '../../src/ports/action-producer.ts';
import type { TopicConsumers } from '../../src/ports/topic-consumer.ts';

/** A record that no producer of ours writes; it goes to the log as it is. */
export interface ForeignRecord {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: Readonly<Record<string, Uint8Array>>;
}

/** A log under test. `produceForeign` and `deleteBefore` reach past the ports, as operators do. */
export interface ActionLogUnderTest extends AsyncDisposable {
  readonly producer: ActionProducer;
  readonly consumer: ActionConsumer;
  readonly topicConsumers: TopicConsumers;
  /** Creates a topic whose name starts with `name` and is not in use yet. */
  createTopic(name: string, partitions: number): Promise<Topic>;
  /** Writes a record of any content into one partition. */
  produceForeign(topic: Topic, partition: Partition, record: ForeignRecord): Promise<Offset>;
  /** Makes `offset` the first offset kept by one partition, as retention does. */
  deleteBefore(topic: Topic, partition: Partition, offset: Offset): Promise<void>;
}

export type OpenActionLog = () => Promise<ActionLogUnderTest>;

/** Longest time that any single wait of the contract may take, on the slowest of logs. */
export const waitLimitMs = 60_000;

export function keyOf(topic: Topic, id: string = randomUUID()): Key {
  return Key.of(topic, id);
}

/** An append of the numbers `from .. to`; its value is a text that names them. */
export function appendOf(key: Key, from: number, to: number = from): Action {
  return {
    key,
    timestampMs: 1_700_000_000_000 + from,
    header: {
      type: 'append',
      range: { from: SeqNr.of(from), to: SeqNr.of(to) },
      origin: 'host-1',
      version: '1.2.3',
      payloadType: 'json',
      metadata: RecordMetadata.empty.header,
    },
    value: Buffer.from(`events ${from} to ${to} of ${key.id}`),
    headers: { kind: 'contract' },
  };
}

export function markOf(key: Key): Action {
  return {
    key,
    timestampMs: 1_700_000_000_000,
    header: { type: 'mark', id: randomUUID(), origin: undefined, version: undefined },
  };
}

export function openingOf(key: Key, scope: string): Action {
  const opens = { scope, holder: randomUUID(), address: undefined };
  return {
    key,
    timestampMs: 1_700_000_000_000,
    header: { type: 'mark', id: randomUUID(), origin: undefined, version: undefined, opens },
  };
}

/** Reads a whole range into one array. */
export async function readAll(
  consumer: ActionConsumer,
  range: {
    readonly key: Key;
    readonly partition: Partition;
    readonly from: number;
    readonly to: number;
  },
): Promise<ActionRecord[]> {
  const records: ActionRecord[] = [];
  const { key, partition, from, to } = range;
  for await (const batch of consumer.read({
    key,
    partition,
    from: from as Offset,
    to: to as Offset,
  })) {
    if (batch.length === 0) throw new Error('a batch of read() is never empty');
    records.push(...batch);
  }
  return records;
}

/** First number of each append, in the order read. */
export function seqNrsOf(records: readonly ActionRecord[]): number[] {
  return records.flatMap(({ action }) =>
    action.header.type === 'append' ? [action.header.range.from] : [],
  );
}

/** The error that `run` rejects with. */
export async function failureOf(run: Promise<unknown>): Promise<unknown> {
  try {
    await run;
  } catch (error) {
    return error;
  }
  throw new Error('the call succeeded, although it must fail');
}

/** Waits until `condition` holds; fails, naming `what`, after `waitLimitMs`. */
export async function eventually(what: string, condition: () => boolean): Promise<void> {
  const end = Date.now() + waitLimitMs;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`${what}: not within ${waitLimitMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
