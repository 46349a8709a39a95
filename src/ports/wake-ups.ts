import type { Offset } from '../model/position.ts';
import type { WakeUpEntry, WakeUpPlace } from '../model/wake-up.ts';
import type { CallOptions } from './call-options.ts';
import type { EventualJournal } from './eventual-journal.ts';

/** Which wake-ups of a partition are wanted. */
export interface DueRange extends WakeUpPlace {
  /** Those due at or before it, ms since the epoch. */
  readonly toMs: number;
}

/**
 * The wake-ups of the replicated store (docs/format.md#wake-ups), as a client reads them. It never
 * writes them.
 */
export interface WakeUps {
  /**
   * Up to which offset of a partition the wake-ups are complete, inclusive; `undefined` = nobody
   * keeps them, or the store has no tables for them. It may be before the replicated offset R:
   * whatever is missing then is not among those of {@link due}.
   *
   * It moves before R does. Who reads R, then this, and then {@link due} finds all wake-ups up to
   * R, but those that a record after R has replaced or removed.
   *
   * @throws {StoreUnavailableError} retryable
   */
  until(place: WakeUpPlace, options?: CallOptions): Promise<Offset | undefined>;

  /**
   * Streams the wake-ups of a partition in ascending order of time, at most one of each journal;
   * those of one time come in any order. Reads only what is due up to `toMs`, in pages. Leaving the
   * loop early reads no further.
   *
   * @throws {StoreUnavailableError} retryable
   * @throws {CodecError} a row cannot be decoded; names topic, id, table and column
   */
  due(range: DueRange, options?: CallOptions): AsyncIterable<WakeUpEntry>;
}

/** All that a client reads of the replicated store. */
export interface EventualStore extends EventualJournal {
  readonly wakeUps: WakeUps;
}
