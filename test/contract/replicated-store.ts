import { randomBytes } from 'node:crypto';
import type { EventRecord, RecordInfo } from '../../src/model/event.ts';
import type { ExpireAfter } from '../../src/model/expire-after.ts';
import { Key } from '../../src/model/key.ts';
import type { Payload } from '../../src/model/payload.ts';
import { Offset, Partition, type PartitionOffset, Topic } from '../../src/model/position.ts';
import { RecordMetadata } from '../../src/model/record-metadata.ts';
import type { ReplicatedAppend, ReplicatedPurge } from '../../src/model/replicated-batch.ts';
import { SeqNr } from '../../src/model/seq-nr.ts';
import type { EventualJournal, StoredEvent } from '../../src/ports/eventual-journal.ts';
import type { OffsetMove, ReplicatedJournal } from '../../src/ports/replicated-journal.ts';
import type { EventualStore } from '../../src/ports/wake-ups.ts';
import { rangesOf } from '../support/journal/ranges.ts';

/** Both sides of one store, open on the same data. Journals are created with `segmentSize`. */
export interface ReplicatedStore extends AsyncDisposable {
  readonly eventual: EventualStore;
  readonly replicated: ReplicatedJournal;
  readonly segmentSize: number;
  /**
   * The writing side as another process opens it; the caller disposes it. Absent = no other can.
   */
  readonly another?: () => Promise<ReplicatedJournal>;
}

/** What it takes to look at the rows of events. */
interface RowSource extends Pick<ReplicatedStore, 'segmentSize'> {
  readonly eventual: EventualJournal;
}

export type OpenReplicatedStore = () => Promise<ReplicatedStore>;

/** The replicator's clock of all contract tests: 2024-02-28 23:59:00 UTC. */
export const nowMs = Date.UTC(2024, 1, 28, 23, 59);

/** Record timestamp of offset 0; each offset is one second later. */
const firstTimestampMs = Date.UTC(2024, 0, 1);

export const seqNr = (value: number): SeqNr => SeqNr.of(value);

export function place(offset: number, partition = 0): PartitionOffset {
  return { partition: Partition.of(partition), offset: Offset.of(offset) };
}

/** A topic name that no other run uses, so that runs can share a server. */
export function randomTopic(): Topic {
  return Topic.of(`contract-${randomBytes(6).toString('hex')}`);
}

let keys = 0;

/** A journal that no other test uses. */
export function newKey(topic: Topic): Key {
  return Key.of(topic, `Journal-${++keys}`);
}

export interface EventDetails {
  readonly record?: Partial<RecordInfo>;
  readonly payload?: Payload | undefined;
  readonly tags?: readonly string[];
}

/** The event `number` of the record at `offset`. */
export function eventRecord(number: number, offset: number, details?: EventDetails): EventRecord {
  const payload: Payload = { type: 'json', value: { number, offset } };
  return {
    event: {
      seqNr: SeqNr.of(number),
      tags: details?.tags ?? [],
      payload: details !== undefined && 'payload' in details ? details.payload : payload,
    },
    record: {
      at: place(offset),
      timestampMs: firstTimestampMs + offset * 1000,
      origin: 'host',
      version: '1.2.3',
      metadata: RecordMetadata.empty,
      headers: {},
      ...details?.record,
    },
  };
}

/** One record that holds these events, all of one offset. */
export function recordOf(first: EventRecord, ...rest: readonly EventRecord[]): ReplicatedAppend {
  const events = [first, ...rest] as const;
  return { at: first.record.at, ranges: rangesOf(events), events, expireAfter: undefined };
}

/** Appends merged into one batch: each element is one record, `[offset, its numbers]`. */
export function batch(
  records: readonly (readonly [offset: number, numbers: readonly number[]])[],
  expireAfter?: ExpireAfter,
): ReplicatedAppend {
  const [first, ...rest] = records.flatMap(([offset, numbers]) =>
    numbers.map((number) => eventRecord(number, offset)),
  );
  const youngest = records.at(-1);
  if (first === undefined || youngest === undefined) throw new Error('a batch has events');
  const events = [first, ...rest] as const;
  return { at: place(youngest[0]), ranges: rangesOf(events), events, expireAfter };
}

/** One record with the numbers `from` .. `to`. */
export function append(
  offset: number,
  [from, to = from]: readonly [from: number, to?: number],
  expireAfter?: ExpireAfter,
): ReplicatedAppend {
  return batch([[offset, numbers(from, to)]], expireAfter);
}

export function deletion(offset: number, to: number) {
  return { at: place(offset), to: SeqNr.of(to) };
}

export function purge(
  offset: number,
  { onlyAt, upTo }: { readonly onlyAt?: number; readonly upTo?: number } = {},
): ReplicatedPurge {
  return {
    at: place(offset),
    onlyAt: onlyAt === undefined ? undefined : Offset.of(onlyAt),
    upTo: upTo === undefined ? undefined : SeqNr.of(upTo),
  };
}

/** Claims the partition and moves its offset, whoever owned it. */
export async function moveTo(
  store: ReplicatedJournal,
  topic: Topic,
  to: PartitionOffset,
): Promise<void> {
  const after = await store.claim(topic, to.partition, { nowMs });
  await store.saveOffset({ topic, ...to, after }, nowMs);
}

/** From `after`, `undefined` = nowhere, to `to`. */
export function move(topic: Topic, to: PartitionOffset, after: number | undefined): OffsetMove {
  return { topic, ...to, after: after === undefined ? undefined : Offset.of(after) };
}

/** `from` .. `to`, both inclusive. */
export function numbers(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
}

export const days = (length: number): ExpireAfter => ({ length: BigInt(length), unit: 'day' });

/**
 * What recovery from `from` sees once everything is replicated: rows above `deleteTo`, of this
 * generation.
 */
export async function visible(store: ReplicatedStore, key: Key, from = 1): Promise<number[]> {
  const pointer = await store.eventual.pointer(key);
  if (pointer === undefined) return [];
  const start = Math.max(from, (pointer.deleteTo ?? 0) + 1);
  if (start > pointer.seqNr) return [];
  const range = { from: SeqNr.of(start), to: pointer.seqNr, segmentSize: pointer.segmentSize };
  const rows = await rowsOf(store.eventual.read(key, range));
  return rows
    .filter(({ recordId: id }) => !pointer.recordId || !id || id === pointer.recordId)
    .map(({ event }) => event.seqNr);
}

/**
 * Numbers of all rows that physically exist in `from` .. `to`, deleted or not, of any generation.
 */
export async function stored(
  store: RowSource,
  key: Key,
  range: { readonly from?: number; readonly to: number },
): Promise<number[]> {
  const rows = await storedRows(store, key, range);
  return rows.map(({ event }) => event.seqNr);
}

export function storedRows(
  { eventual, segmentSize }: RowSource,
  key: Key,
  { from = 1, to }: { readonly from?: number; readonly to: number },
): Promise<StoredEvent[]> {
  return rowsOf(eventual.read(key, { from: SeqNr.of(from), to: SeqNr.of(to), segmentSize }));
}

async function rowsOf(pages: AsyncIterable<readonly StoredEvent[]>): Promise<StoredEvent[]> {
  const rows: StoredEvent[] = [];
  for await (const page of pages) rows.push(...page);
  return rows;
}

/** The part of a journal's row that most rules speak of. */
export async function state(store: Pick<RowSource, 'eventual'>, key: Key) {
  const pointer = await store.eventual.pointer(key);
  if (pointer === undefined) return undefined;
  const { seqNr: last, deleteTo, at } = pointer;
  return {
    seqNr: last as number,
    deleteTo: deleteTo as number | undefined,
    offset: at.offset as number,
  };
}
