/** Opening marks of tenures, by topic, partition and scope. */
export const tenuresTable = 'tenures';
/** How far those of a partition are all known. */
export const tenuresUntilTable = 'tenures_until';

/** Statements of the two tables of tenures (docs/format.md#tables). */
export interface TenureStatements {
  readonly selectUntil: string;
  /**
   * Sent with a write timestamp that grows with the offset: of two writes that with the further
   * offset counts, whichever arrives last.
   */
  readonly saveUntil: string;
  readonly selectLast: string;
  readonly insert: string;
}

/** The statements for the tables of a keyspace. */
export function tenureStatements(keyspace: string): TenureStatements {
  const table = `${keyspace}.${tenuresTable}`;
  const until = `${keyspace}.${tenuresUntilTable}`;
  return {
    selectUntil: `SELECT offset FROM ${until} WHERE topic = ? AND partition = ?`,
    saveUntil: `INSERT INTO ${until} (topic, partition, offset) VALUES (?, ?, ?)`,
    selectLast:
      `SELECT offset FROM ${table} ` +
      'WHERE topic = ? AND partition = ? AND scope = ? AND offset <= ? LIMIT 1',
    insert:
      `INSERT INTO ${table} (topic, partition, scope, offset, holder, address, created) ` +
      'VALUES (?, ?, ?, ?, ?, ?, ?)',
  };
}
