import { insertCql } from './insert-cql.ts';

/**
 * Statements of the table that holds how far each partition is replicated (docs/format.md#tables).
 *
 * Its rows move by conditional writes alone, so that of two processes that both think they own a
 * partition one learns that it does not (ADR 29).
 */
export interface PointerStatements {
  readonly selectOffset: string;
  /** Offset, and when the writer's clock said it was saved. */
  readonly selectSaved: string;
  readonly insertIfAbsent: string;
  readonly updateIfAt: string;
  readonly selectTopics: string;
}

export function pointerStatements(table: string): PointerStatements {
  const where = 'WHERE topic = ? AND partition = ?';
  const columns = ['topic', 'partition', 'offset', 'created', 'updated'];
  return {
    selectOffset: `SELECT offset FROM ${table} ${where}`,
    selectSaved: `SELECT offset, updated FROM ${table} ${where}`,
    insertIfAbsent: `${insertCql(table, columns)} IF NOT EXISTS`,
    updateIfAt: `UPDATE ${table} SET offset = ?, updated = ? ${where} IF offset = ?`,
    selectTopics: `SELECT DISTINCT topic, partition FROM ${table}`,
  };
}
