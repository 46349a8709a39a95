import { decodeAction } from '../../src/codec/record/action-record-codec.ts';
import type { ActionRecord } from '../../src/model/action.ts';
import type { LogRecord } from '../../src/model/log-record.ts';
import type { Offset, Partition, Topic } from '../../src/model/position.ts';
import type { KeyRecords } from '../apply/replicate-records.ts';

/** The partition that records come from. */
export interface PartitionSource {
  readonly topic: Topic;
  readonly partition: Partition;
}

export interface GroupedRecords {
  /** In order of first appearance; the records of one key keep their order. */
  readonly keys: readonly KeyRecords[];
  /** Set when a header cannot be decoded: nothing from that record on is in `keys`. */
  readonly unreadable: UnreadableRest | undefined;
}

export interface UnreadableRest {
  readonly offset: Offset;
  readonly error: unknown;
  /** The unreadable record and what follows it. */
  readonly rest: readonly LogRecord[];
}

/**
 * Sorts one partition's records by journal. Records that are not the journal's (without key or
 * header) belong to nobody.
 */
export function groupRecords(
  source: PartitionSource,
  records: readonly LogRecord[],
): GroupedRecords {
  const byId = new Map<string, GrowingKey>();
  let unreadable: UnreadableRest | undefined;
  for (const [index, record] of records.entries()) {
    try {
      const decoded = decodeAction(source.topic, source.partition, record);
      if (decoded !== undefined) addTo(byId, decoded);
    } catch (error) {
      unreadable = { offset: record.offset, error, rest: records.slice(index) };
      break;
    }
  }
  return { keys: [...byId.values()], unreadable };
}

interface GrowingKey extends KeyRecords {
  readonly records: ActionRecord[];
}

function addTo(byId: Map<string, GrowingKey>, record: ActionRecord): void {
  const { key } = record.action;
  const known = byId.get(key.id);
  if (known !== undefined) known.records.push(record);
  else byId.set(key.id, { key, first: record.at.offset, records: [record] });
}
