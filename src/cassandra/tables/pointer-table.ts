import { insertCql } from './insert-cql.ts';

/**
 * Statements of the table that holds how far each partition is replicated (docs/format.md#tables).
 */
export interface PointerStatements {
  readonly selectOffset: string;
  readonly insert: string;
  readonly update: string;
  readonly selectTopics: string;
}

export function pointerStatements(table: string): PointerStatements {
  return {
    selectOffset: `SELECT offset FROM ${table} WHERE topic = ? AND partition = ?`,
    insert: insertCql(table, ['topic', 'partition', 'offset', 'created', 'updated']),
    update: `UPDATE ${table} SET offset = ?, updated = ? WHERE topic = ? AND partition = ?`,
    selectTopics: `SELECT DISTINCT topic, partition FROM ${table}`,
  };
}
