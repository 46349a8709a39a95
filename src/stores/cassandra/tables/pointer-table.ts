/**
 * Statements of the table that holds how far each partition is replicated (docs/format.md#tables).
 *
 * Its rows change by conditional writes alone, and `updated` grows with each, so that of two
 * processes that both think they own a partition one learns that it does not (ADR 29).
 */
export interface PointerStatements {
  readonly selectOffset: string;
  /** Offset, and when the writer's clock said that it was saved or claimed. */
  readonly selectSaved: string;
  readonly insertIfAbsent: string;
  /** Changes the row if both columns stand as they were read or written last. */
  readonly updateIfSame: string;
  readonly selectTopics: string;
}

/** The statements for a table of that name, keyspace included. */
export function pointerStatements(table: string): PointerStatements {
  const where = 'WHERE topic = ? AND partition = ?';
  return {
    selectOffset: `SELECT offset FROM ${table} ${where}`,
    selectSaved: `SELECT offset, updated FROM ${table} ${where}`,
    insertIfAbsent:
      `INSERT INTO ${table} (topic, partition, offset, created, updated) ` +
      'VALUES (?, ?, ?, ?, ?) IF NOT EXISTS',
    updateIfSame: `UPDATE ${table} SET offset = ?, updated = ? ${where} IF offset = ? AND updated = ?`,
    selectTopics: `SELECT DISTINCT topic, partition FROM ${table}`,
  };
}
