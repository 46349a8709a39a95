import type { Key } from '../model/key.ts';
import { Offset, type PartitionOffset } from '../model/position.ts';
import type { CallOptions } from '../ports/call-options.ts';
import { Head } from './head.ts';
import type { JournalParts } from './journal-parts.ts';

/** Which part of the log the store does not have yet, as of one moment. */
export interface Cut {
  /** Where the marker landed: the end, exclusive. */
  readonly end: PartitionOffset;
  /** Everything up to and including this offset is in the store; read before any row. */
  readonly replicated: Offset | undefined;
}

/** Folds the key's records after the replicated offset and before the marker, in one pass. */
export async function readHead(
  parts: JournalParts,
  read: { readonly key: Key; readonly cut: Cut },
  options: CallOptions & { readonly onProgress: () => void },
): Promise<Head> {
  const { end, replicated } = read.cut;
  const head = new Head();
  const from = replicated === undefined ? Offset.min : Offset.next(replicated);
  if (from >= end.offset) return head;
  const range = { key: read.key, partition: end.partition, from, to: end.offset };
  for await (const records of parts.consumer.read(range, options)) {
    options.onProgress();
    for (const record of records) head.add(record);
  }
  return head;
}
