import { Head } from '../../history/head.ts';
import type { Key } from '../../model/key.ts';
import { Offset, type PartitionOffset } from '../../model/position.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type { OffsetRange } from '../head-cache/offset-ranges.ts';
import type { JournalParts } from '../journal-parts.ts';
import type { Cut } from './cut.ts';

type Reading = CallOptions & { readonly onProgress: () => void };

/** A head that is known but may still have to be read from the log. */
export interface UnreadHead {
  readonly cut: Cut;
  /** The journal was purged behind the cut: the store has nothing to add. */
  readonly storeIsDead: boolean;
  read(options: Reading): Promise<Head>;
}

/**
 * Where the head lies: in the cache, in ranges of the log that the cache names, or, when the cache does
 * not know, anywhere behind the replicated offset.
 */
export async function findHead(
  parts: JournalParts,
  { key, end }: { readonly key: Key; readonly end: PartitionOffset },
  options: CallOptions,
): Promise<UnreadHead> {
  const { headCache } = parts;
  const found = await headCache?.lookup(key, end, options);
  if (found === undefined) {
    const replicated = await parts.eventual.offset(key.topic, end.partition, options);
    return unreadHead(parts, key, { end, replicated });
  }
  const { cut, head } = found;
  if (found.type === 'held') return { cut, storeIsDead: head.purged, read: async () => head };
  return {
    cut,
    storeIsDead: head.purged,
    read(reading) {
      for (const _range of found.ranges) headCache?.fetched();
      return foldRanges(parts, { key, cut, ranges: found.ranges, head }, reading);
    },
  };
}

function unreadHead(parts: JournalParts, key: Key, cut: Cut): UnreadHead {
  const { end, replicated } = cut;
  const from = replicated === undefined ? Offset.min : Offset.next(replicated);
  const ranges = from >= end.offset ? [] : [{ from, to: end.offset }];
  const head = new Head();
  return {
    cut,
    storeIsDead: false,
    read: (reading) => foldRanges(parts, { key, cut, ranges, head }, reading),
  };
}

interface RangesOfHead {
  readonly key: Key;
  readonly cut: Cut;
  readonly ranges: readonly OffsetRange[];
  readonly head: Head;
}

/** Folds the key's records of the ranges, in one pass. */
async function foldRanges(
  { consumer }: JournalParts,
  { key, cut, ranges, head }: RangesOfHead,
  reading: Reading,
): Promise<Head> {
  const { partition } = cut.end;
  for (const range of ranges) {
    for await (const records of consumer.read({ key, partition, ...range }, reading)) {
      reading.onProgress();
      for (const record of records) head.add(record);
    }
  }
  return head;
}
