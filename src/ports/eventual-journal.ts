import type { EventRecord } from '../model/event.ts';
import type { JournalPointer } from '../model/journal-pointer.ts';
import type { Key } from '../model/key.ts';
import type { Offset, Partition, Topic } from '../model/position.ts';
import type { SeqNr } from '../model/seq-nr.ts';
import type { LastTenure, TenurePlace } from '../model/tenure.ts';
import type { CallOptions } from './call-options.ts';

/** An event as stored, with the generation its row belongs to. */
export interface StoredEvent extends EventRecord {
  /** `undefined` in rows of journals whose pointer has none. */
  readonly recordId: string | undefined;
}

/** Which stored events a reader wants: `from <= seqNr <= to`. */
export interface StoredRange {
  readonly from: SeqNr;
  readonly to: SeqNr;
  /** Segment size of the journal, from its pointer. */
  readonly segmentSize: number;
}

/** The replicated store as a client reads it. It never writes. */
export interface EventualJournal extends AsyncDisposable {
  /**
   * The last opening mark of a scope at or before `upTo`, an offset that was replicated when the
   * caller asked for it. Reads how far the opening marks are known, then the marks, in this order.
   *
   * @returns `undefined` = there is none; `'unknown'` = the marks up to `upTo` are not all known: a
   *   replicator that does not keep them moved the replicated offset, or the store has no tables
   *   for them
   * @throws {StoreUnavailableError} retryable
   */
  lastTenure(place: TenurePlace, upTo: Offset, options?: CallOptions): Promise<LastTenure>;

  /**
   * How far a partition is replicated, inclusive; `undefined` before anything was.
   *
   * @throws {StoreUnavailableError} retryable
   */
  offset(topic: Topic, partition: Partition, options?: CallOptions): Promise<Offset | undefined>;

  /**
   * The journal's row; `undefined` when it never existed or was purged.
   *
   * @throws {StoreUnavailableError}
   */
  pointer(key: Key, options?: CallOptions): Promise<JournalPointer | undefined>;

  /**
   * Streams the stored rows in ascending `(seqNr, timestamp)` order, in pages that are never empty,
   * walking every segment from the one of `from` to the one of `to`: an empty segment does not end
   * the walk. Rows are given as stored: two rows of one seqNr are two events. The next page is
   * fetched while the caller works on the current one; leaving the loop early releases the cursor.
   *
   * @throws {StoreUnavailableError} retryable
   * @throws {CodecError} a row cannot be decoded; names topic, id and seqNr
   */
  read(key: Key, range: StoredRange, options?: CallOptions): AsyncIterable<readonly StoredEvent[]>;

  /**
   * Ids of all journals of a topic, in no order.
   *
   * @throws {StoreUnavailableError}
   */
  ids(topic: Topic, options?: CallOptions): AsyncIterable<string>;
}
