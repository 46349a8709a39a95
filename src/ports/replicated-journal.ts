import type { EventRecord } from '../model/event.ts';
import type { ExpireAfter } from '../model/expire-after.ts';
import type { JournalPointer } from '../model/journal-pointer.ts';
import type { Key } from '../model/key.ts';
import type { Offset, Partition, PartitionOffset, Topic } from '../model/position.ts';
import type { SeqNr } from '../model/seq-nr.ts';
import type { CallOptions } from './call-options.ts';

/** Adjacent appends of one key, oldest first. */
export interface ReplicatedAppend {
  /** Where the youngest of the merged append records lies. */
  readonly at: PartitionOffset;
  readonly events: readonly [EventRecord, ...EventRecord[]];
  /** Value of the last event's record; absent removes an expiry. */
  readonly expireAfter: ExpireAfter | undefined;
}

export interface ReplicatedDelete {
  readonly at: PartitionOffset;
  /** Inclusive. */
  readonly to: SeqNr;
  readonly origin: string | undefined;
}

export interface ReplicatedPurge {
  readonly at: PartitionOffset;
}

/**
 * One journal as the replicator writes it. It holds the journal's row, loaded once when it was opened,
 * so one process at a time may own it and its calls must not overlap. After a failed call it must be
 * thrown away and opened again. `nowMs` is the replicator's clock, one value for a whole batch.
 *
 * Calls are units: they look at no signal, and each may be repeated with the same arguments after a crash.
 * They answer whether anything changed: an action at or below the row's offset is already applied.
 *
 * @throws {StoreUnavailableError} from every call: may be applied in part; repeat it
 */
export interface ReplicatedKeyJournal {
  /** The row as this process last read or wrote it. */
  readonly pointer: JournalPointer | undefined;
  append(batch: ReplicatedAppend, nowMs: number): Promise<boolean>;
  delete(batch: ReplicatedDelete, nowMs: number): Promise<boolean>;
  purge(batch: ReplicatedPurge, nowMs: number): Promise<boolean>;
}

/** The replicated store as the replicator writes it. */
export interface ReplicatedJournal extends AsyncDisposable {
  /** Topics that anything was replicated from. @throws {StoreUnavailableError} */
  topics(options?: CallOptions): Promise<readonly Topic[]>;

  /** How far a partition is replicated, inclusive. @throws {StoreUnavailableError} */
  offset(topic: Topic, partition: Partition, options?: CallOptions): Promise<Offset | undefined>;

  /**
   * Moves the replicated offset, after everything up to and including `offset` was applied.
   * The first call for a partition creates its row.
   *
   * @throws {StoreUnavailableError} may be stored; repeat it
   */
  saveOffset(
    at: { readonly topic: Topic; readonly partition: Partition; readonly offset: Offset },
    nowMs: number,
  ): Promise<void>;

  /** Loads a journal's row. @throws {StoreUnavailableError} */
  open(key: Key, options?: CallOptions): Promise<ReplicatedKeyJournal>;
}
