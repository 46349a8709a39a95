import { SegmentNr } from '../../src/cassandra/segment.ts';
import type { CassandraModel } from './cql/cassandra-model.ts';
import type { LiveEvent } from './truth.ts';

/** A journal's row, whatever state its statements left it in. */
export interface StoredJournal {
  readonly offset: number;
  readonly seqNr: number;
  readonly deleteTo: number;
  readonly recordId: string | undefined;
  readonly segmentSize: number;
}

/** One stored event row. */
export interface StoredEvent extends LiveEvent {
  readonly recordId: string | undefined;
}

const hex = (value: unknown): string | undefined =>
  Buffer.isBuffer(value) ? value.toString('hex') : undefined;

/** Looks at the row of a journal past all ports. */
export function storedJournal(
  model: CassandraModel,
  topic: string,
  id: string,
): StoredJournal | undefined {
  for (const segment of SegmentNr.ofId(id)) {
    const partition = model.table('metajournal').partition([topic, segment]);
    const row = partition?.row([id]);
    if (partition === undefined || row === undefined) continue;
    const deletedAt = partition.deletedAtOf(row);
    if (!row.isLive(deletedAt)) continue;
    const cell = (column: string): unknown => row.valueOf(column, deletedAt);
    return {
      offset: Number(cell('offset')),
      seqNr: Number(cell('seq_nr')),
      deleteTo: Number(cell('delete_to') ?? 0),
      recordId: hex(cell('record_id')),
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
  for (const partition of model.table('journal').partitions.values()) {
    if (partition.key[0] !== id || partition.key[1] !== topic) continue;
    for (const { row, deletedAt } of partition.liveRows()) {
      events.push({
        seqNr: Number(row.key[0]),
        offset: Number(row.valueOf('offset', deletedAt)),
        recordId: hex(row.valueOf('meta_record_id', deletedAt)),
      });
    }
  }
  return events.toSorted((a, b) => a.seqNr - b.seqNr || a.offset - b.offset);
}

/** The replicated offset of a partition; `undefined` before anything was replicated. */
export function storedOffset(
  model: CassandraModel,
  topic: string,
  partition: number,
): number | undefined {
  const stored = model.table('pointer2').partition([topic, partition]);
  const row = stored?.row([]);
  if (stored === undefined || row === undefined || !row.isLive(stored.deletedAtOf(row)))
    return undefined;
  return Number(row.valueOf('offset', stored.deletedAtOf(row)));
}
