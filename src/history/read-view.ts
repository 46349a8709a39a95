import { recordIdOf } from '../codec/record/record-id.ts';
import type { JournalPointer } from '../model/journal-pointer.ts';
import type { Offset, PartitionOffset, Topic } from '../model/position.ts';
import type { Head } from './head.ts';

/** Where store and log meet in a read. */
export interface Cut {
  /**
   * The end of the read, exclusive: everything acknowledged before the read has a smaller offset.
   */
  readonly end: PartitionOffset;
  /** R: everything up to and including this offset is in the store. It is read before any row. */
  readonly replicated: Offset | undefined;
}

/** What a read has observed of one journal. */
export interface ReadView {
  readonly cut: Cut;
  /** The journal's records after R and before the end. */
  readonly head: Head;
  /**
   * The journal's row in the store. It is read after R, so it may show records after R or after the
   * end.
   */
  readonly row: JournalPointer | undefined;
}

/** What the view of a read says before any event row is read. */
export interface ViewFacts {
  /**
   * The purges of the head: none; one that counts; or only conditional ones with nothing of the
   * journal between R and them, so that the row decides whether they count.
   */
  readonly purge: 'none' | 'counts' | 'conditional';
  /**
   * Where the row stands. `named` is at or before R, at the offset that a conditional purge asks
   * for. A row `ahead` shows records after R, maybe appends among them; one `ahead, same last`
   * stands in the head, of which no append up to there has given it its last number: there is none,
   * or all of them lost.
   */
  readonly row: 'none' | 'other partition' | 'replicated' | 'named' | 'ahead, same last' | 'ahead';
  /** Which append began the row's generation; `unnamed` where the row has no record id. */
  readonly generation: 'unnamed' | 'first of head' | 'another';
  /**
   * Which events the row calls deleted that no delete of the head covers: none, some, or all that
   * the journal has. Once the records after the end were looked at: deleted `earlier` than R, or
   * `later` than the end. `being purged` where the row says that a purge after the end, or in
   * another partition, is under way.
   */
  readonly hides: 'nothing' | 'some' | 'all' | 'earlier' | 'later' | 'being purged';
}

/**
 * What a look at the records after the end has found: whether one of them explains what the row
 * hides.
 */
export type AfterEnd = 'unread' | 'no reason' | 'reason';

/** The facts of a view, before or after the look at the records after its end. */
export function viewFactsOf(view: ReadView, topic: Topic, afterEnd: AfterEnd): ViewFacts {
  const { cut, head, row } = view;
  const conditional = head.conditions.length > 0 ? 'conditional' : 'none';
  const purge = head.purged ? 'counts' : conditional;
  if (row === undefined) {
    return { purge, row: 'none', generation: 'unnamed', hides: 'nothing' };
  }
  const place = placeOf(row, view);
  const first = head.firstAppend?.at;
  const isFirst = first !== undefined && row.recordId === recordIdOf(topic, first);
  const generation = isFirst ? 'first of head' : 'another';
  const seesPurges = purge !== 'none' && place !== 'other partition';
  const isPurging = isPurgedUnseen(row, seesPurges ? cut.end.offset : 0);
  const deletedByHead = head.fold(place === 'ahead' ? undefined : row.seqNr).deleteTo;
  return {
    purge,
    row: place,
    generation: row.recordId === undefined ? 'unnamed' : generation,
    hides: isPurging ? 'being purged' : hiddenBy(row, deletedByHead, afterEnd),
  };
}

/**
 * Whether a purge is under way that the read does not see. The row does not say in which partition
 * it is: after a key has moved, in another one than the row. A purge of this partition that is
 * under way comes after R. So if it comes before the end, it is in the head.
 *
 * @param seenBelow the read has seen a purge that is below this offset
 */
function isPurgedUnseen({ purgingAt }: JournalPointer, seenBelow: number): boolean {
  return purgingAt !== undefined && purgingAt >= seenBelow;
}

function placeOf(
  { at, seqNr }: JournalPointer,
  { cut, head }: ReadView,
): Exclude<ViewFacts['row'], 'none'> {
  const { end, replicated } = cut;
  if (at.partition !== end.partition) return 'other partition';
  if (at.offset <= (replicated ?? -1))
    return head.conditions.includes(at.offset) ? 'named' : 'replicated';
  const isInHead = at.offset < end.offset;
  return isInHead && !head.hasAppendTo(seqNr, at.offset) ? 'ahead, same last' : 'ahead';
}

function hiddenBy(
  { deleteTo, seqNr }: JournalPointer,
  deletedByHead: number | undefined,
  afterEnd: AfterEnd,
): ViewFacts['hides'] {
  if (deleteTo === undefined || deleteTo <= (deletedByHead ?? 0)) return 'nothing';
  if (afterEnd !== 'unread') return afterEnd === 'reason' ? 'later' : 'earlier';
  return deleteTo < seqNr ? 'some' : 'all';
}
