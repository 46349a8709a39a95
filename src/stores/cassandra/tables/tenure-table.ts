import { oldTenuresLookedAt } from '../../kept-tenures.ts';

/** Opening marks of tenures, by topic and partition: one delete removes all of a partition. */
export const tenuresTable = 'tenures';
/** How far those of a partition are all known. */
export const tenuresUntilTable = 'tenures_until';

/** Statements of the two tables of tenures (docs/format.md#tables). */
export interface TenureStatements {
  /** The offset, and when it was written. */
  readonly selectUntil: string;
  readonly saveUntil: string;
  readonly selectLast: string;
  /** The first marks of a scope, and when they were stored. */
  readonly selectOldest: string;
  readonly insert: string;
  /** Those of a scope before an offset. */
  readonly deleteBefore: string;
  /** All of a partition. */
  readonly clear: string;
}

/** The statements for the tables of a keyspace. */
export function tenureStatements(keyspace: string): TenureStatements {
  const table = `${keyspace}.${tenuresTable}`;
  const until = `${keyspace}.${tenuresUntilTable}`;
  return {
    selectUntil: `SELECT offset, WRITETIME(offset) AS written FROM ${until} WHERE topic = ? AND partition = ?`,
    saveUntil: `INSERT INTO ${until} (topic, partition, offset) VALUES (?, ?, ?)`,
    selectLast:
      `SELECT offset FROM ${table} ` +
      'WHERE topic = ? AND partition = ? AND scope = ? AND offset <= ? LIMIT 1',
    insert:
      `INSERT INTO ${table} (topic, partition, scope, offset, holder, address, created) ` +
      'VALUES (?, ?, ?, ?, ?, ?, ?)',
    selectOldest:
      `SELECT offset, created FROM ${table} WHERE topic = ? AND partition = ? AND scope = ? ` +
      `ORDER BY offset ASC LIMIT ${oldTenuresLookedAt}`,
    deleteBefore: `DELETE FROM ${table} WHERE topic = ? AND partition = ? AND scope = ? AND offset < ?`,
    clear: `DELETE FROM ${table} WHERE topic = ? AND partition = ?`,
  };
}
