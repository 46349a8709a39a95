import { Action, type ActionRecord, type AppendRecord } from '../model/action.ts';
import type { Offset, PartitionOffset } from '../model/position.ts';
import type { AppendedRange } from '../model/replicated-batch.ts';
import { SeqNr } from '../model/seq-nr.ts';
import { applyAction } from './apply-action.ts';
import { Life } from './life.ts';

/** Adjacent appends, oldest first; `at` is the youngest's place. Their events are still encoded. */
export interface Appends {
  readonly type: 'appends';
  readonly at: PartitionOffset;
  /** Of all appends that it stands for, also of those left out. */
  readonly ranges: readonly AppendedRange[];
  /** Those whose events are written; never empty. */
  readonly records: readonly AppendRecord[];
  /** How far the deletes after it reach, which count with it: what they cover is left out. */
  readonly deleteTo: SeqNr | undefined;
}

/** Of deletes that follow each other the furthest. */
export interface Delete {
  readonly type: 'delete';
  readonly at: PartitionOffset;
  /** Inclusive. */
  readonly to: SeqNr;
}

/** A purge that counts, or of which only the store's row can say whether it does. */
export interface Purge {
  readonly type: 'purge';
  readonly at: PartitionOffset;
  /** Set while only the store can settle whether it counts: if the journal's row stands there. */
  readonly onlyAt: Offset | undefined;
  /**
   * Highest number of the appends before it in this poll. They are not written, but an attempt that
   * was cut short may have left rows of them.
   */
  readonly upTo: SeqNr | undefined;
}

/** One write to the replicated journal of one key. */
export type Batch = Appends | Delete | Purge;

interface OpenAppends extends Appends {
  readonly ranges: AppendedRange[];
  readonly records: AppendRecord[];
}

/**
 * The fewest writes that leave a journal as its records, one by one, would leave it.
 *
 *     a1 a2 m a3        one append of all three              marks write nothing
 *     a1 a2 d→1 a3      a2, d→1, a3                          a1 would only be written to be deleted
 *     a1 d→1 p a2       p, a2                                nothing before a purge survives it
 *     a4 p(only at 4)   p                                    its condition holds: an ordinary purge
 *     a4 a5 p(only at 4)   one append of both                something came in between: void
 *     p(only at 0) a2   both                                 the store settles the first
 *
 * The last append before a delete stays even when the delete covers it: it moves the journal's
 * expiry, which a delete does not. The ranges name all appends, since these decide the last number,
 * which no delete passes. The append carries how far the delete reaches, so that what was left out
 * is hidden as soon as the journal's row stands after it: after a crash between the two writes
 * another poll may end there.
 *
 * The last write stands at the last action that counts, also if that is a delete that was not worth
 * a write: the row then says where that action is, which conditional purges ask for.
 *
 * @param records of one key, ascending offsets
 * @returns oldest first
 */
export function collapse(records: readonly ActionRecord[]): readonly Batch[] {
  const counted = countedOf(records);
  const batches = youngestFirst(counted).reverse();
  for (const batch of batches) {
    if (batch.type !== 'appends') continue;
    batch.ranges.reverse();
    batch.records.reverse();
  }
  const [youngest, last] = [batches.pop(), counted.at(-1)];
  if (youngest === undefined || last === undefined) return [];
  return [...batches, { ...youngest, at: last.at }];
}

/** The walk from the youngest record to the oldest: only then is it known what a delete covers. */
function youngestFirst(counted: readonly Counted[]): (OpenAppends | Delete | Purge)[] {
  const batches: (OpenAppends | Delete | Purge)[] = [];
  /** How far the deletes reach that come later: an append that they cover need not be written. */
  let cover: SeqNr | undefined;
  const isCovered = (to: SeqNr): boolean => cover !== undefined && to <= cover;
  for (const item of counted.toReversed()) {
    const next = batches.at(-1);
    if ('action' in item) {
      const { at } = item;
      const { from, to } = item.action.header.range;
      const range = { at, from, to };
      if (next?.type !== 'appends') {
        const appends = { ranges: [range], records: [item], deleteTo: cover };
        batches.push({ type: 'appends', at, ...appends });
        continue;
      }
      next.ranges.push(range);
      if (!isCovered(to)) next.records.push(item);
    } else if (item.type === 'delete') {
      // Of two deletes that meet, the older one stays when it reaches as far.
      if (next?.type === 'delete' ? item.to < next.to : isCovered(item.to)) continue;
      if (next?.type === 'delete') batches.pop();
      batches.push(item);
      cover = item.to;
    } else batches.push(item);
  }
  return batches;
}

/** An append as it stands in the log, or a write. */
type Counted = AppendRecord | Delete | Purge;

/** The records that count, after the last purge that surely does. */
function countedOf(records: readonly ActionRecord[]): readonly Counted[] {
  let counted: Counted[] = [];
  let life = Life.unseen;
  let upTo: SeqNr | undefined;
  for (const record of records) {
    const { action, at } = record;
    const [next, effect] = applyAction(life, action.header, at.offset);
    life = next;
    if (Action.isAppendRecord(record)) {
      counted.push(record);
      upTo = SeqNr.greaterOf(record.action.header.range.to, upTo);
    } else if (effect.type === 'purged') {
      counted = [{ type: 'purge', at, onlyAt: undefined, upTo }];
    } else if (effect.type === 'undecided') {
      counted.push({ type: 'purge', at, onlyAt: effect.onlyAt, upTo });
    } else if (effect.type === 'deleted' && action.header.type === 'delete') {
      counted.push({ type: 'delete', at, to: action.header.to });
    }
  }
  return counted;
}
