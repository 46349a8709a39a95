import type { PersistenceId } from '../../ports/journal-plugin.ts';
import type {
  SnapshotCriteria,
  SnapshotMetadata,
  SnapshotStorePlugin,
  StoredSnapshot,
} from '../../ports/snapshot-store.ts';

/** Snapshots that last as long as the process: for tests, and for what may be computed again. */
export class InMemorySnapshotStore implements SnapshotStorePlugin {
  readonly #stored = new Map<PersistenceId, StoredSnapshot[]>();

  async load(id: PersistenceId, criteria: SnapshotCriteria): Promise<StoredSnapshot | undefined> {
    return this.#of(id).findLast(({ metadata }) => meets(metadata, criteria));
  }

  async save(metadata: SnapshotMetadata, snapshot: Uint8Array): Promise<void> {
    const others = this.#of(metadata.persistenceId).filter(
      ({ metadata: { seqNr } }) => seqNr !== metadata.seqNr,
    );
    const stored = [...others, { metadata, snapshot: snapshot.slice() }];
    stored.sort((a, b) => a.metadata.seqNr - b.metadata.seqNr);
    this.#stored.set(metadata.persistenceId, stored);
  }

  async delete({ persistenceId, seqNr, timestampMs }: SnapshotMetadata): Promise<void> {
    this.#keep(
      persistenceId,
      ({ metadata }) =>
        metadata.seqNr !== seqNr || (timestampMs !== 0 && metadata.timestampMs !== timestampMs),
    );
  }

  async deleteMatching(id: PersistenceId, criteria: SnapshotCriteria): Promise<void> {
    this.#keep(id, ({ metadata }) => !meets(metadata, criteria));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stored.clear();
  }

  #of(id: PersistenceId): readonly StoredSnapshot[] {
    return this.#stored.get(id) ?? [];
  }

  #keep(id: PersistenceId, isKept: (stored: StoredSnapshot) => boolean): void {
    const kept = this.#of(id).filter(isKept);
    if (kept.length > 0) this.#stored.set(id, kept);
    else this.#stored.delete(id);
  }
}

function meets({ seqNr, timestampMs }: SnapshotMetadata, criteria: SnapshotCriteria): boolean {
  const { minSeqNr, maxSeqNr, minTimestampMs, maxTimestampMs } = criteria;
  const isInRange = minSeqNr <= seqNr && seqNr <= maxSeqNr;
  return isInRange && minTimestampMs <= timestampMs && timestampMs <= maxTimestampMs;
}
