import type { JournalPointer } from '../model/journal-pointer.ts';
import type { Offset, Partition } from '../model/position.ts';
import type { SeqNr } from '../model/seq-nr.ts';

/**
 * One generation of a journal, as far as its actions were looked at:
 *
 * ```
 *   unborn ── append ──▶ begun ── append, delete ──▶ begun ── purge ──▶ unborn, the next life
 * ```
 *
 * A reader or a replicator that begins in the middle of the log has not seen what came before:
 * numbers may be taken and events deleted that it does not know of. {@link applyAction} moves it
 * on, action by action.
 */
export interface Life {
  /** It may have begun before the first action that was looked at. */
  readonly beganUnseen: boolean;
  /**
   * Number of the last event, deleted or not; `undefined` = unborn, or nothing was appended that
   * was seen.
   */
  readonly last: SeqNr | undefined;
  /** Everything up to and including this number is deleted. */
  readonly deletedTo: SeqNr | undefined;
  /**
   * Where the last action that counts is: an append, a delete, or the purge after which the life
   * is unborn. A conditional purge asks for it. `undefined` = no such action was seen.
   */
  readonly lastAt: Offset | undefined;
  /**
   * The highest first number of an append. It is taken for certain, also by an append that lost:
   * then the number was taken before.
   */
  readonly claimed: SeqNr | undefined;
}

const unseen: Life = {
  beganUnseen: true,
  last: undefined,
  deletedTo: undefined,
  lastAt: undefined,
  claimed: undefined,
};

/** Where a fold begins. */
export const Life = {
  /** Nothing of it was seen yet. */
  unseen,

  /** Nothing was appended since the beginning, or since the purge at `purgedAt`. */
  unborn(purgedAt?: Offset): Life {
    return { ...unseen, beganUnseen: false, lastAt: purgedAt };
  },

  /**
   * The store's part of a life, of which only the last number is known; `undefined` = not even
   * that.
   */
  upTo(last: SeqNr | undefined): Life {
    return { ...unseen, last };
  },

  /**
   * What the journal's row says, for actions of `partition`; a missing row stands for an unborn
   * life. The offset of a row that was written for another partition says nothing.
   */
  ofRow(row: JournalPointer | undefined, partition: Partition): Life {
    if (row === undefined) return Life.unborn();
    const { at, seqNr, deleteTo } = row;
    const lastAt = at.partition === partition ? at.offset : undefined;
    return { beganUnseen: false, last: seqNr, deletedTo: deleteTo, lastAt, claimed: seqNr };
  },
};
