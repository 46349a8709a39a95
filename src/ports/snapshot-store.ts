import type { SeqNr } from '../model/seq-nr.ts';
import type { CallOptions } from './call-options.ts';
import type { PersistenceId } from './journal-plugin.ts';

/** What a snapshot store knows of a snapshot without looking into it. */
export interface SnapshotMetadata {
  readonly persistenceId: PersistenceId;
  /** Number of the last event whose effect the snapshot holds. */
  readonly seqNr: SeqNr;
  /** When it was saved, ms since the epoch; the host says so, not the caller. */
  readonly timestampMs: number;
}

/** Which snapshots of one entity; all bounds are inclusive. */
export interface SnapshotCriteria {
  readonly minSeqNr: number;
  readonly maxSeqNr: number;
  readonly minTimestampMs: number;
  readonly maxTimestampMs: number;
}

/** Criteria that need no numbers of the caller's. */
export const SnapshotCriteria = {
  /** Every snapshot; a load takes the latest. */
  all: Object.freeze({
    minSeqNr: 0,
    maxSeqNr: Number.MAX_SAFE_INTEGER,
    minTimestampMs: 0,
    maxTimestampMs: Number.MAX_SAFE_INTEGER,
  }) as SnapshotCriteria,
};

/** A snapshot as it is kept: bytes that only the host understands. */
export interface StoredSnapshot {
  readonly metadata: SnapshotMetadata;
  readonly snapshot: Uint8Array;
}

/**
 * Where snapshots of entities are kept. What it gives may be older than what was saved last, or be
 * gone: then more events are replayed. It never gives part of a snapshot.
 */
export interface SnapshotStorePlugin extends AsyncDisposable {
  /**
   * The snapshot with the highest number that meets the criteria; `undefined` = there is none.
   *
   * @throws {StoreUnavailableError} retryable
   * @throws {CodecError} what is stored cannot be read; names the place
   */
  load(
    id: PersistenceId,
    criteria: SnapshotCriteria,
    options?: CallOptions,
  ): Promise<StoredSnapshot | undefined>;

  /**
   * Keeps a snapshot; one with the same number is replaced. The bytes do not change afterwards.
   *
   * @throws {StoreUnavailableError} retryable; the snapshot may or may not be stored, but never in
   *   part
   */
  save(metadata: SnapshotMetadata, snapshot: Uint8Array, options?: CallOptions): Promise<void>;

  /**
   * Deletes the snapshot with this number; `timestampMs` 0 = whenever it was saved, otherwise only
   * the one that was saved then. There need not be any.
   *
   * @throws {StoreUnavailableError} retryable; it may be repeated
   */
  delete(metadata: SnapshotMetadata, options?: CallOptions): Promise<void>;

  /**
   * Deletes every snapshot that meets the criteria.
   *
   * @throws {StoreUnavailableError} retryable; it may be repeated
   */
  deleteMatching(
    id: PersistenceId,
    criteria: SnapshotCriteria,
    options?: CallOptions,
  ): Promise<void>;
}

/** A snapshot store as its section of the configuration wants it used. */
export interface SnapshotStore extends SnapshotStorePlugin {
  /**
   * `snapshot-is-optional`: a snapshot that cannot be loaded is left out, and all events are
   * replayed; false unless given. Entities that delete events refuse such a store.
   */
  readonly isOptional?: boolean;
  /**
   * `only-one-snapshot`: the store keeps the newest snapshot of an entity and no other; false
   * unless given.
   */
  readonly onlyOne?: boolean;
}
