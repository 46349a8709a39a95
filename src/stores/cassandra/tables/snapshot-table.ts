/** Statements of the table of a snapshot store (docs/format.md#snapshots). */
export interface SnapshotStatements {
  /** The first row of the highest number from one to another, both inclusive. */
  readonly selectLast: string;
  /** All rows of these numbers without their bytes, highest first, and when each was written. */
  readonly selectTimes: string;
  readonly selectHead: string;
  readonly selectPart: string;
  readonly insertHead: string;
  readonly insertPart: string;
  readonly deleteOne: string;
  /** From one number to another, both inclusive. */
  readonly deleteRange: string;
}

/**
 * How much longer a part lasts than the head that names it: it is written before, and must not be
 * gone while the head is there.
 */
const partsOutliveSeconds = 3_600;

/**
 * The statements for a table of that name, keyspace included.
 *
 * @param ttlSeconds after which a snapshot is gone by itself; `undefined` = never
 */
export function snapshotStatements(
  table: string,
  ttlSeconds: number | undefined,
): SnapshotStatements {
  const one = 'WHERE persistence_id = ? AND seq_nr = ?';
  const range = 'WHERE persistence_id = ? AND seq_nr >= ? AND seq_nr <= ?';
  const head = 'SELECT seq_nr, save, timestamp, parts, parts_of, snapshot';
  const using = (more: number): string =>
    ttlSeconds === undefined ? '' : ` USING TTL ${ttlSeconds + more}`;
  return {
    selectLast: `${head} FROM ${table} ${range} LIMIT 1`,
    selectTimes: `SELECT seq_nr, save, timestamp, WRITETIME(timestamp) AS written FROM ${table} ${range}`,
    selectHead: `${head} FROM ${table} ${one} AND save = '' AND part = 0`,
    selectPart: `SELECT snapshot FROM ${table} ${one} AND save = ? AND part = ?`,
    insertHead:
      `INSERT INTO ${table} (persistence_id, seq_nr, save, part, timestamp, parts, parts_of, snapshot) ` +
      `VALUES (?, ?, '', 0, ?, ?, ?, ?)${using(0)}`,
    insertPart:
      `INSERT INTO ${table} (persistence_id, seq_nr, save, part, snapshot) ` +
      `VALUES (?, ?, ?, ?, ?)${using(partsOutliveSeconds)}`,
    deleteOne: `DELETE FROM ${table} ${one}`,
    deleteRange: `DELETE FROM ${table} ${range}`,
  };
}
