import type { SeqNr } from '../../../model/seq-nr.ts';
import type { PersistenceId } from '../../../ports/journal-plugin.ts';
import type {
  SnapshotCriteria,
  SnapshotMetadata,
  StoredSnapshot,
} from '../../../ports/snapshot-store.ts';
import type { Database, Statement } from '../session.ts';

/** The criteria keep both numbers within those that are safe. */
interface SnapshotRow {
  readonly seq_nr: number;
  readonly timestamp: number;
  readonly snapshot: Uint8Array;
}

/** Statements of `snapshots`; writes belong into a transaction. */
export class SnapshotTable {
  readonly #load: Statement<SnapshotRow>;
  readonly #save: Statement;
  readonly #remove: Statement;
  readonly #removeMatching: Statement;

  constructor(database: Database) {
    const matching = `WHERE persistence_id = ? AND seq_nr BETWEEN ? AND ?
       AND timestamp BETWEEN ? AND ?`;
    this.#load = database.prepare(
      `SELECT seq_nr, timestamp, snapshot FROM snapshots ${matching}
       ORDER BY seq_nr DESC LIMIT 1`,
    );
    this.#save = database.prepare(
      `INSERT INTO snapshots (persistence_id, seq_nr, timestamp, snapshot) VALUES (?, ?, ?, ?)
       ON CONFLICT (persistence_id, seq_nr)
       DO UPDATE SET timestamp = excluded.timestamp, snapshot = excluded.snapshot`,
    );
    this.#remove = database.prepare(
      'DELETE FROM snapshots WHERE persistence_id = ? AND seq_nr = ? AND ? IN (0, timestamp)',
    );
    this.#removeMatching = database.prepare(`DELETE FROM snapshots ${matching}`);
  }

  /** The one with the highest number that meets the criteria. */
  load(id: PersistenceId, criteria: SnapshotCriteria): StoredSnapshot | undefined {
    const row = this.#load.get(id, ...boundsOf(criteria));
    if (row === undefined) return undefined;
    const { seq_nr: seqNr, timestamp: timestampMs, snapshot } = row;
    return { metadata: { persistenceId: id, seqNr: seqNr as SeqNr, timestampMs }, snapshot };
  }

  save({ persistenceId, seqNr, timestampMs }: SnapshotMetadata, snapshot: Uint8Array): void {
    // Node 22 may take bytes of an encoder that made none for NULL.
    const bytes = snapshot.length === 0 ? new Uint8Array() : snapshot;
    this.#save.run(persistenceId, seqNr, timestampMs, bytes);
  }

  /** @param metadata the time 0 = whenever it was saved */
  remove({ persistenceId, seqNr, timestampMs }: SnapshotMetadata): void {
    this.#remove.run(persistenceId, seqNr, timestampMs);
  }

  removeMatching(id: PersistenceId, criteria: SnapshotCriteria): void {
    this.#removeMatching.run(id, ...boundsOf(criteria));
  }
}

function boundsOf(criteria: SnapshotCriteria): readonly number[] {
  const { minSeqNr, maxSeqNr, minTimestampMs, maxTimestampMs } = criteria;
  return [minSeqNr, maxSeqNr, minTimestampMs, maxTimestampMs];
}
