import type { ReplicatedEvent } from './event.ts';
import type { ExpireAfter } from './expire-after.ts';
import type { Offset, PartitionOffset } from './position.ts';
import type { SeqNr, SeqRange } from './seq-nr.ts';

/** Which numbers an append record claims, and where it is. */
export interface AppendedRange extends SeqRange {
  readonly at: PartitionOffset;
}

/** Adjacent appends of one key, oldest first. */
export interface ReplicatedAppend {
  /** Where the youngest of the merged append records is. */
  readonly at: PartitionOffset;
  /**
   * All append records that it stands for, also those whose events are left out: they decide what
   * the journal's last number becomes (ADR 17). A journal that it creates began with the first one.
   */
  readonly ranges: readonly [AppendedRange, ...AppendedRange[]];
  readonly events: readonly [ReplicatedEvent, ...ReplicatedEvent[]];
  /** Value of the last event's record; absent removes an expiry. */
  readonly expireAfter: ExpireAfter | undefined;
  /**
   * Inclusive: a delete of the same poll reaches so far. It counts with this append, at once, so
   * events that it covers need not be stored, and some before them may have been left out. The
   * delete itself follows.
   */
  readonly deleteTo?: SeqNr | undefined;
}

/**
 * A delete; void for a journal without a row: nothing was appended since the beginning or the last
 * purge.
 */
export interface ReplicatedDelete {
  readonly at: PartitionOffset;
  /** Inclusive. */
  readonly to: SeqNr;
}

/** A purge, which may depend on where the journal's row stands. */
export interface ReplicatedPurge {
  readonly at: PartitionOffset;
  /**
   * Purges only a journal whose row still stands at this offset: an expired journal that something
   * happened to since stays. Absent = always.
   */
  readonly onlyAt?: Offset | undefined;
  /**
   * Highest number of the appends before this purge of which an attempt that was cut short may have
   * left rows, without the journal's row. Absent = none.
   */
  readonly upTo?: SeqNr | undefined;
}
