import { eventRecordsOf } from '../../../src/codec/record/events-codec.ts';
import { Action, type ActionRecord } from '../../../src/model/action.ts';
import type { Key } from '../../../src/model/key.ts';
import { Offset, type Partition } from '../../../src/model/position.ts';
import type { ActionConsumer } from '../../../src/ports/action-consumer.ts';
import type { ReplicatedJournal } from '../../../src/ports/replicated-journal.ts';
import { rangesOf } from './ranges.ts';

const nowMs = Date.UTC(2026, 0, 1);

/** Applies one record to the store, as the plainest possible replicator would. */
export async function applyRecord(store: ReplicatedJournal, record: ActionRecord): Promise<void> {
  const { action, at } = record;
  const journal = await store.open(action.key);
  if (Action.isAppend(action)) {
    const events = eventRecordsOf(record);
    const { expireAfter } = events[0].record.metadata.payload;
    await journal.append({ at, ranges: rangesOf(events), events, expireAfter }, nowMs);
  } else if (action.header.type === 'delete') {
    await journal.delete({ at, to: action.header.to }, nowMs);
  } else if (action.header.type === 'purge')
    await journal.purge({ at, onlyAt: action.header.onlyAt }, nowMs);
}

/** Moves the replicated offset past a record that was applied. */
export async function saveOffset(store: ReplicatedJournal, record: ActionRecord): Promise<void> {
  const { topic } = record.action.key;
  const after = await store.claim(topic, record.at.partition, { nowMs });
  await store.saveOffset({ topic, ...record.at, after }, nowMs);
}

/** All records of one key that the log holds at this moment. */
export async function recordsOf(
  consumer: ActionConsumer,
  key: Key,
  partition: Partition,
): Promise<readonly ActionRecord[]> {
  const to = await consumer.endOffset(key.topic, partition);
  const records: ActionRecord[] = [];
  for await (const batch of consumer.read({ key, partition, from: Offset.min, to })) {
    // Opening marks of other keys come with them.
    records.push(...batch.filter(({ action }) => action.key.id === key.id));
  }
  return records;
}
