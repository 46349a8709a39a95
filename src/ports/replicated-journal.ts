import type { JournalPointer } from '../model/journal-pointer.ts';
import type { Key } from '../model/key.ts';
import type { Offset, Partition, PartitionOffset, Topic } from '../model/position.ts';
import type {
  ReplicatedAppend,
  ReplicatedDelete,
  ReplicatedPurge,
} from '../model/replicated-batch.ts';
import type { LastTenure, OpenedTenure, TenurePlace } from '../model/tenure.ts';
import type { WakeUpChange } from '../model/wake-up.ts';
import type { CallOptions } from './call-options.ts';

/** A journal whose time is over, as its row stood when it was selected. */
export interface ExpiredJournal {
  readonly id: string;
  readonly at: PartitionOffset;
  /** UTC calendar date, `yyyy-mm-dd`. */
  readonly expireOn: string;
}

/** A journal, and the place of the last record that was applied to it. */
export type JournalPlace = Omit<ExpiredJournal, 'expireOn'>;

/**
 * One of `of` shares of a topic's journals, and the days of expiry wanted, both inclusive (UTC,
 * `yyyy-mm-dd`).
 */
export interface ExpiredRange {
  readonly topic: Topic;
  readonly share: { readonly index: number; readonly of: number };
  readonly from: string;
  readonly to: string;
}

/**
 * One journal as the replicator writes it. It holds the journal's row, loaded once when it was
 * opened, so one process at a time may own it and its calls must not overlap. After a failed call
 * it must be thrown away and opened again. `nowMs` is the replicator's clock, one value for a whole
 * batch.
 *
 * Calls are units: they look at no signal, and each may be repeated with the same arguments after a
 * crash. They answer whether anything changed: an action at or below the row's offset is already
 * applied.
 */
export interface ReplicatedKeyJournal {
  /** The row as this process last read or wrote it. */
  readonly pointer: JournalPointer | undefined;

  /**
   * Reads the wake-up that is stored, unless this object has it already. A write goes on above the
   * timestamps that were read. Were what a successor of this process has written among them, a late
   * write would beat that. So call this before you look whether the partition is still yours, and
   * then `saveWakeUp`. In a store that knows its owner without timestamps, or has no tables for
   * wake-ups, it does nothing.
   *
   * @throws {StoreUnavailableError} retryable
   * @throws {CodecError} a row cannot be decoded; names topic, id, table and column
   */
  loadWakeUp(partition: Partition): Promise<void>;

  /**
   * Stores what the journal's entity waits for. It comes before the changes of the row that the
   * same records make: which of them count is known from the row before them. In a store without
   * tables for wake-ups it does nothing.
   *
   * @throws {StoreUnavailableError} may be stored in part; repeat it
   */
  saveWakeUp(change: WakeUpChange, time: WakeUpTime): Promise<void>;

  /**
   * Where the wake-up that is stored comes from; `undefined` = there is none. In a store without
   * tables for wake-ups there is none. It is read each time; then `saveWakeUp` goes on from it, as
   * after `loadWakeUp`.
   *
   * @throws {StoreUnavailableError} retryable
   * @throws {CodecError} a row cannot be decoded; names topic, id, table and column
   */
  wakeUpOffset(partition: Partition): Promise<Offset | undefined>;

  /**
   * Stores events; a `deleteTo` of the batch counts at once.
   *
   * @throws {StoreUnavailableError} may be applied in part; repeat it
   */
  append(batch: ReplicatedAppend, nowMs: number): Promise<boolean>;

  /**
   * Deletes events up to a number; numbering goes on.
   *
   * @throws {StoreUnavailableError} may be applied in part; repeat it
   */
  delete(batch: ReplicatedDelete, nowMs: number): Promise<boolean>;

  /**
   * Removes the events and the row; numbering starts at 1 again.
   *
   * @throws {StoreUnavailableError} may be applied in part; repeat it
   */
  purge(batch: ReplicatedPurge, nowMs: number): Promise<boolean>;
}

/** For which partition of its topic a wake-up is stored, and when, by the replicator's clock. */
export interface WakeUpTime {
  readonly partition: Partition;
  readonly nowMs: number;
}

/** How far the wake-ups of one partition are complete. */
export interface KnownWakeUps {
  readonly topic: Topic;
  readonly partition: Partition;
  /** Inclusive. */
  readonly upTo: Offset;
  /**
   * Nothing of the partition is replicated yet. What the store had of its wake-ups when it was
   * claimed belongs to an earlier topic of that name, and is removed.
   */
  readonly isFirst?: boolean;
}

/** Up to which day the expired journals of a partition's share were purged. */
export interface ExpiredUntil {
  readonly topic: Topic;
  readonly partition: Partition;
  /** Inclusive; UTC, `yyyy-mm-dd`. */
  readonly day: string;
}

/** How far a partition is replicated: from where to where it moves. */
export interface OffsetMove {
  readonly topic: Topic;
  readonly partition: Partition;
  /** Last offset applied, inclusive. */
  readonly offset: Offset;
  /** What the store holds before the move: what `claim` answered or the last move stored. */
  readonly after: Offset | undefined;
}

/** Opening marks of one partition, and how far they are all known with them. */
export interface KnownTenures {
  readonly topic: Topic;
  readonly partition: Partition;
  /** Those after what was known before, up to `upTo`; ascending. */
  readonly openings: readonly OpenedTenure[];
  /** Inclusive. */
  readonly upTo: Offset;
  /**
   * Nothing of the partition is replicated yet. What the store had of its tenures when it was
   * claimed belongs to an earlier topic of that name, and is removed.
   */
  readonly isFirst?: boolean;
}

/**
 * How long an opening mark is kept after the next one of its scope was stored: for readers that
 * hold a replicated offset that they read before.
 */
export const keptTenureMs = 86_400_000;

/** When a partition is claimed. */
export interface ClaimOptions extends CallOptions {
  /** The replicator's clock. */
  readonly nowMs: number;
}

/** The replicated store as the replicator writes it. */
export interface ReplicatedJournal extends AsyncDisposable {
  /**
   * Topics that anything was replicated from.
   *
   * @throws {StoreUnavailableError}
   */
  topics(options?: CallOptions): Promise<readonly Topic[]>;

  /**
   * Takes a partition over and answers how far it is replicated, inclusive. From then on no move of
   * an earlier owner is stored any more, not even one that is on its way, so what this process
   * applies starts where nobody else goes on (ADR 29).
   *
   * A partition without an offset cannot be taken over: a first move of somebody else may still be
   * stored. Therefore the first move must cover one record, the first that was polled: whoever
   * makes it has applied the same.
   *
   * @throws {FencedError} another process owns the topic: only where the store itself says who does
   * @throws {StoreUnavailableError} may be claimed; repeat it
   */
  claim(topic: Topic, partition: Partition, options: ClaimOptions): Promise<Offset | undefined>;

  /**
   * Moves the replicated offset, after everything up to and including `offset` was applied: from
   * `after`, what this process claimed or saved last (`undefined` = the partition had none), to
   * `offset`. Nothing is stored when it stands elsewhere, or when the partition was claimed since,
   * or never by this process: then another one owns it. Repeating a call that was stored succeeds;
   * so does a first move where another process has stored the same one, and takes the partition
   * over. A move from an offset to the same one, as a process gives the partition up, lets the next
   * owner know that what was written since is not newer than its own writes will be.
   *
   * @throws {FencedError} another process owns the partition; nothing stored, stop writing
   * @throws {StoreUnavailableError} may be stored; repeat it, to the same offset or a further one
   */
  saveOffset(move: OffsetMove, nowMs: number): Promise<void>;

  /**
   * Up to which offset all opening marks of the partition are known, inclusive (W); `undefined`
   * when none were ever kept: then no tenure was ever opened there, since clients open one only
   * where they are kept.
   *
   * @throws {StoreUnavailableError} retryable
   */
  tenuresUpTo(
    topic: Topic,
    partition: Partition,
    options?: CallOptions,
  ): Promise<Offset | undefined>;

  /**
   * Stores opening marks, then moves W to `upTo`. It is called before the replicated offset moves
   * as far, so that a reader of that offset finds the marks. It is called also for what an earlier
   * owner may have stored: a late call of that owner loses only against a later one of its
   * successor, or stores nothing. In a store without tables for tenures a call without opening
   * marks does nothing.
   *
   * The first call for a partition ({@link KnownTenures.isFirst}) also removes what was stored
   * before the claim. A partition with a replicated offset never loses a mark by it: whoever stored
   * that offset made such a call before.
   *
   * Of each scope that it stores a mark of, the call removes marks that were superseded at least
   * {@link keptTenureMs} ago, some at a time, and never the last one.
   *
   * @throws {StoreUnavailableError} may be stored in part; repeat it
   * @throws {NotSetUpError} nothing stored: there are opening marks, and no tables to keep them in
   */
  saveTenures(known: KnownTenures, nowMs: number): Promise<void>;

  /**
   * The last opening mark of a scope at or before `upTo`, as `EventualJournal.lastTenure`.
   *
   * @throws {StoreUnavailableError} retryable
   */
  lastTenure(place: TenurePlace, upTo: Offset, options?: CallOptions): Promise<LastTenure>;

  /**
   * Up to which offset the wake-ups of a partition are complete, inclusive; `undefined` when nobody
   * keeps them. Asked for once after each claim of the partition.
   *
   * @throws {StoreUnavailableError} retryable
   */
  wakeUpsUpTo(
    topic: Topic,
    partition: Partition,
    options?: CallOptions,
  ): Promise<Offset | undefined>;

  /**
   * Stores how far the wake-ups are complete, once those up to there are stored
   * ({@link ReplicatedKeyJournal.saveWakeUp}) and before the replicated offset moves as far. As
   * with tenures, a late call of an earlier owner loses against a later one of its successor, or
   * stores nothing; so does a wake-up that it stores late. In a store without tables for them it
   * does nothing, nor in a partition of which a wake-up could not be stored for that reason.
   *
   * @returns false = nothing was stored for one of these reasons
   * @throws {StoreUnavailableError} may be stored; repeat it
   */
  saveWakeUps(known: KnownWakeUps, nowMs: number): Promise<boolean>;

  /**
   * All journals of a topic, in pages that are never empty, in no order. One that is made or
   * removed meanwhile may be missing.
   *
   * @throws {StoreUnavailableError} retryable
   * @throws {CodecError} a row cannot be decoded; names topic, id, table and column
   */
  journalPlaces(topic: Topic, options?: CallOptions): AsyncIterable<readonly JournalPlace[]>;

  /**
   * Journals whose day of expiry is in the range, in pages that are never empty, in no order.
   * Each journal of a topic belongs to exactly one share.
   *
   * @throws {StoreUnavailableError} retryable
   */
  expired(range: ExpiredRange, options?: CallOptions): AsyncIterable<readonly ExpiredJournal[]>;

  /**
   * The last day (UTC) up to which the expired journals of a partition's share were purged.
   *
   * @throws {StoreUnavailableError}
   */
  expiredUntil(
    topic: Topic,
    partition: Partition,
    options?: CallOptions,
  ): Promise<string | undefined>;

  /**
   * Stores the day that {@link expiredUntil} answers.
   *
   * @throws {StoreUnavailableError} may be stored; repeat it
   */
  saveExpiredUntil(until: ExpiredUntil, nowMs: number): Promise<void>;

  /**
   * Loads a journal's row.
   *
   * @throws {StoreUnavailableError}
   */
  open(key: Key, options?: CallOptions): Promise<ReplicatedKeyJournal>;
}
