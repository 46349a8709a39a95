import type { CallOptions } from '../../ports/call-options.ts';
import type { PersistenceId } from '../../ports/journal-plugin.ts';
import type {
  SnapshotCriteria,
  SnapshotMetadata,
  SnapshotStorePlugin,
  StoredSnapshot,
} from '../../ports/snapshot-store.ts';
import { SnapshotCalls } from '../snapshot-calls.ts';
import { meetsNumbers, meetsTimes } from '../snapshot-criteria.ts';

/** Snapshots that last as long as the process: for tests, and for what may be computed again. */
export class InMemorySnapshotStore implements SnapshotStorePlugin {
  readonly #stored = new Map<PersistenceId, StoredSnapshot[]>();
  readonly #calls = new SnapshotCalls();

  load(
    id: PersistenceId,
    criteria: SnapshotCriteria,
    options?: CallOptions,
  ): Promise<StoredSnapshot | undefined> {
    return this.#calls.run(options, async () =>
      this.#of(id).findLast(({ metadata }) => meets(metadata, criteria)),
    );
  }

  save(metadata: SnapshotMetadata, snapshot: Uint8Array, options?: CallOptions): Promise<void> {
    return this.#calls.run(options, async () => {
      const others = this.#of(metadata.persistenceId).filter(
        ({ metadata: { seqNr } }) => seqNr !== metadata.seqNr,
      );
      const stored = [...others, { metadata, snapshot: snapshot.slice() }];
      stored.sort((a, b) => a.metadata.seqNr - b.metadata.seqNr);
      this.#stored.set(metadata.persistenceId, stored);
    });
  }

  delete(
    { persistenceId, seqNr, timestampMs }: SnapshotMetadata,
    options?: CallOptions,
  ): Promise<void> {
    return this.#calls.run(options, async () =>
      this.#keep(
        persistenceId,
        ({ metadata }) =>
          metadata.seqNr !== seqNr || (timestampMs !== 0 && metadata.timestampMs !== timestampMs),
      ),
    );
  }

  deleteMatching(
    id: PersistenceId,
    criteria: SnapshotCriteria,
    options?: CallOptions,
  ): Promise<void> {
    return this.#calls.run(options, async () =>
      this.#keep(id, ({ metadata }) => !meets(metadata, criteria)),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#calls.close();
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
  return meetsNumbers(seqNr, criteria) && meetsTimes(timestampMs, criteria);
}
