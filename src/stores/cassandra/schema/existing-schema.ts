import type { CallOptions } from '../../../ports/call-options.ts';
import type { CassandraSession, Row } from '../session-types.ts';

/** What a keyspace holds, by lower-case name. */
export interface ExistingSchema {
  /** How many copies it has: `SimpleStrategy replication_factor 1`. */
  readonly replication: string;
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
    select('replication', 'keyspaces'),
    select('table_name, column_name', 'columns'),
    select('index_name', 'indexes'),
  ]);
  const [keyspaceRow] = keyspaces;
  if (keyspaceRow === undefined) return undefined;
  const tables = new Map<string, Set<string>>();
  for (const { table_name: table, column_name: column } of columns) {
    const known = tables.get(String(table)) ?? new Set();
    tables.set(String(table), known.add(String(column)));
  }
  return {
    replication: replicationText(keyspaceRow['replication'] as ReplicationCell),
    tables,
    indexes: new Set(indexes.map((row) => String(row['index_name']))),
  };
}

type ReplicationCell = ReadonlyMap<string, string> | Readonly<Record<string, string>>;

/** The same text for the same replication, as a map of Cassandra's or as settings give it. */
export function replicationText(cell: ReplicationCell): string {
  const options = cell instanceof Map ? [...cell] : Object.entries(cell);
  const [[, name = ''] = [], ...rest] = options.toSorted(([a], [b]) => {
    return a === 'class' ? -1 : b === 'class' || a > b ? 1 : -1;
  });
  const factors = rest.map(([of, factor]) => `${of} ${factor}`);
  return [name.replace(/^.*\./, ''), ...factors].join(' ');
}
