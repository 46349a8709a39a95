import type { Statement } from '../session.ts';

/**
 * A row of `snapshots` in the order of its select; the criteria keep numbers within those that are
 * safe.
 */
export type SnapshotCells = readonly [seqNr: number, timestamp: number, snapshot: Uint8Array];

/** Statements of `snapshots` (docs/format.md#snapshots). */
export function snapshotStatements(schema: string) {
  const table = `${schema}.snapshots`;
  const matching = `WHERE persistence_id = $1 AND seq_nr BETWEEN $2 AND $3
        AND timestamp BETWEEN $4 AND $5`;
  return {
    /** id `$1`, numbers `$2` to `$3`, times `$4` to `$5`, all inclusive */
    load: {
      name: 'select snapshot',
      text: `SELECT seq_nr, timestamp, snapshot FROM ${table}
        ${matching} ORDER BY seq_nr DESC LIMIT 1`,
    },
    /** id `$1`, number `$2`, time `$3`, bytes `$4` */
    save: {
      name: 'save snapshot',
      text: `INSERT INTO ${table} (persistence_id, seq_nr, timestamp, snapshot)
        VALUES ($1, $2, $3, $4) ON CONFLICT (persistence_id, seq_nr)
        DO UPDATE SET timestamp = excluded.timestamp, snapshot = excluded.snapshot`,
    },
    /** id `$1`, number `$2`, time `$3`, 0 = any */
    remove: {
      name: 'delete snapshot',
      text: `DELETE FROM ${table}
        WHERE persistence_id = $1 AND seq_nr = $2 AND $3::bigint IN (0, timestamp)`,
    },
    /** As `load`. */
    removeMatching: { name: 'delete snapshots', text: `DELETE FROM ${table} ${matching}` },
  } as const satisfies Record<string, Statement>;
}
