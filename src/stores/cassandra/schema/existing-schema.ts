import type { CallOptions } from '../../../ports/call-options.ts';
import type { CassandraSession, Row } from '../session-types.ts';

/** What a keyspace holds, by lower-case name. */
export interface ExistingSchema {
  /** Column names by table. */
  readonly tables: ReadonlyMap<string, ReadonlySet<string>>;
  readonly indexes: ReadonlySet<string>;
}

/**
 * Looks into `system_schema`, which every user may read; `undefined` when there is no such
 * keyspace. The server refuses `CREATE … IF NOT EXISTS` of what exists to a user without the right,
 * hence the look.
 *
 * @throws {StoreUnavailableError} nothing is changed; retryable
 */
export async function existingSchema(
  session: CassandraSession,
  keyspace: string,
  options?: CallOptions,
): Promise<ExistingSchema | undefined> {
  const name = [keyspace.toLowerCase()];
  const select = async (columns: string, table: string): Promise<Row[]> => {
    const cql = `SELECT ${columns} FROM system_schema.${table} WHERE keyspace_name = ?`;
    const rows: Row[] = [];
    for (let from: string | undefined; ; ) {
      const page = await session.page(cql, name, { ...options, from });
      rows.push(...page.rows);
      from = page.next;
      if (from === undefined) return rows;
    }
  };
  const [keyspaces, columns, indexes] = await Promise.all([
    select('keyspace_name', 'keyspaces'),
    select('table_name, column_name', 'columns'),
    select('index_name', 'indexes'),
  ]);
  if (keyspaces.length === 0) return undefined;
  const tables = new Map<string, Set<string>>();
  for (const { table_name: table, column_name: column } of columns) {
    const known = tables.get(String(table)) ?? new Set();
    tables.set(String(table), known.add(String(column)));
  }
  return { tables, indexes: new Set(indexes.map((row) => String(row['index_name']))) };
}
