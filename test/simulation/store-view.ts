import { SegmentNr } from '../../src/stores/cassandra/segment.ts';
import { bucketOf, shareOf } from '../../src/stores/cassandra/tables/wake-up-table.ts';
import type { CassandraModel } from './cql/cassandra-model.ts';
import type { WakeTruth } from './truth.ts';

/** Of a record in the log. */
interface Place {
  readonly partition: number;
  readonly offset: number;
}

/** A journal's row, whatever state its statements left it in. */
export interface StoredJournal {
  readonly at: Place;
  readonly seqNr: number;
  readonly deleteTo: number;
  readonly recordId: Buffer | undefined;
  readonly segmentSize: number;
}

/** One stored event row. */
export interface StoredEvent {
  readonly seqNr: number;
  readonly at: Place;
  readonly recordId: Buffer | undefined;
}

const bytes = (value: unknown): Buffer | undefined => (Buffer.isBuffer(value) ? value : undefined);

/** Whether two rows belong to the same generation. */
export function isSameRecord(a: Buffer | undefined, b: Buffer | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && a.equals(b));
}

/** Looks at the row of a journal past all ports. */
export function storedJournal(
  model: CassandraModel,
  topic: string,
  id: string,
): StoredJournal | undefined {
  const table = model.table('metajournal');
  for (const segment of SegmentNr.ofId(id)) {
    const partition = table.partition([topic, segment]);
    const row = partition?.row([id]);
    if (partition === undefined || row === undefined) continue;
    const deletedAt = partition.deletedAtOf(row);
    if (!row.isLive(deletedAt)) continue;
    const cell = (column: string): unknown => row.valueOf(table.shape.placeOf(column), deletedAt);
    return {
      at: { partition: Number(cell('partition')), offset: Number(cell('offset')) },
      seqNr: Number(cell('seq_nr')),
      deleteTo: Number(cell('delete_to') ?? 0),
      recordId: bytes(cell('record_id')),
      segmentSize: Number(cell('segment_size') ?? 10_000),
    };
  }
  return undefined;
}

/** All event rows of a journal that exist, of any generation, in order. */
export function storedEvents(
  model: CassandraModel,
  topic: string,
  id: string,
): readonly StoredEvent[] {
  const events: StoredEvent[] = [];
  const { partitions, shape } = model.table('journal');
  const [partitionOf, offset, recordId] = [
    shape.placeOf('partition'),
    shape.placeOf('offset'),
    shape.placeOf('meta_record_id'),
  ];
  for (const partition of partitions) {
    if (partition.key[0] !== id || partition.key[1] !== topic) continue;
    for (const row of partition.rows) {
      const deletedAt = partition.deletedAtOf(row);
      if (!row.isLive(deletedAt)) continue;
      events.push({
        seqNr: Number(row.key[0]),
        at: {
          partition: Number(row.valueOf(partitionOf, deletedAt)),
          offset: Number(row.valueOf(offset, deletedAt)),
        },
        recordId: bytes(row.valueOf(recordId, deletedAt)),
      });
    }
  }
  return events.sort((a, b) => a.seqNr - b.seqNr || a.at.offset - b.at.offset);
}

/** The replicated offset of a partition; `undefined` before anything was replicated. */
export function storedOffset(
  model: CassandraModel,
  topic: string,
  partition: number,
): number | undefined {
  return offsetIn('pointer2', model, [topic, partition]);
}

/** W: how far all opening marks of a partition are stored. */
export function storedUntil(
  model: CassandraModel,
  topic: string,
  partition: number,
): number | undefined {
  return offsetIn('tenures_until', model, [topic, partition]);
}

function offsetIn(
  name: string,
  model: CassandraModel,
  [topic, partition]: readonly [string, number],
): number | undefined {
  const table = model.table(name);
  const stored = table.partition([topic, partition]);
  const row = stored?.rows[0];
  if (stored === undefined || row === undefined) return undefined;
  const deletedAt = stored.deletedAtOf(row);
  if (!row.isLive(deletedAt)) return undefined;
  return Number(row.valueOf(table.shape.placeOf('offset'), deletedAt));
}

/**
 * What readers find of the wake-up of a journal: its row, if the row of its time is there, too.
 */
export function storedWakeUp(
  model: CassandraModel,
  [topic, partition]: readonly [string, number],
  id: string,
): WakeTruth | undefined {
  const keys = model.table('wake_up_keys');
  const share = shareOf(id);
  const stored = keys.partition([topic, partition, share]);
  const row = stored?.row([id]);
  if (stored === undefined || row === undefined) return undefined;
  const deletedAt = stored.deletedAtOf(row);
  if (!row.isLive(deletedAt)) return undefined;
  const cell = (column: string): number =>
    Number(row.valueOf(keys.shape.placeOf(column), deletedAt));
  const dueMs = cell('due');
  const bucket = bucketOf(dueMs);
  const isThere =
    isStored(model, 'wake_ups', [topic, partition, bucket, share], [dueMs, id]) &&
    isStored(model, 'wake_up_buckets', [topic, partition], [bucket]);
  return isThere ? { dueMs, offset: cell('offset') } : undefined;
}

function isStored(
  model: CassandraModel,
  table: string,
  key: readonly unknown[],
  place: readonly unknown[],
): boolean {
  const partition = model.table(table).partition([...key]);
  const row = partition?.row([...place]);
  return partition && row ? row.isLive(partition.deletedAtOf(row)) : false;
}
