import { AccessDeniedError, NotSetUpError } from '../../../model/errors.ts';
import type { CallOptions } from '../../../ports/call-options.ts';
import type { PostgresSession } from '../session.ts';
import {
  mayBeMissing,
  neededColumns,
  neededSnapshotColumns,
  snapshotMigrations,
} from './migrations.ts';

/**
 * Reads whether schema, tables and columns are there, and whether the database holds every text.
 *
 * @throws {NotSetUpError} names all that is missing
 */
export async function checkTables(
  session: PostgresSession,
  schema: string,
  options?: CallOptions,
): Promise<void> {
  const missing = await missingOf(session, schema, neededColumns, options);
  if (missing.length > 0) throw notSetUp(missing);
}

/**
 * Reads the same of the table of snapshots alone.
 *
 * @throws {NotSetUpError} names all that is missing, and the statement that makes the table
 */
export async function checkSnapshotsTable(
  session: PostgresSession,
  schema: string,
  options?: CallOptions,
): Promise<void> {
  const missing = await missingOf(session, schema, neededSnapshotColumns, options);
  const statements = snapshotMigrations.flatMap((step) => step(`"${schema}"`));
  if (missing.length > 0) throw notSetUp(missing, statements);
}

/** The error that names what is missing, and how to set it up. */
export function notSetUp(
  missing: readonly string[],
  statements: readonly string[] = [],
): NotSetUpError {
  const what = '"kafka-journal setup" creates what a database may hold';
  const made = [what, ...statements.map((sql) => sql.replaceAll(/\s+/g, ' '))].join(', with ');
  return new NotSetUpError(`PostgreSQL has no ${missing.join(', no ')}; ${made}`);
}

/**
 * What the replicator does with its tables it may do, without trying; or what is done with
 * `options.tables`: everything.
 *
 * @throws {AccessDeniedError} names every right that is missing
 */
export async function checkRights(
  session: PostgresSession,
  schema: string,
  options?: CallOptions & { readonly tables?: readonly string[] },
): Promise<void> {
  const { tables = Object.keys(neededColumns) } = options ?? {};
  const rows = await session.read<[table: string, right: string]>(
    rightsMissing,
    [schema, tables],
    options,
  );
  if (rows.length === 0) return;
  const missing = rows.map(([table, right]) => `${right} on ${schema}.${table}`);
  throw new AccessDeniedError(`the user of PostgreSQL lacks ${missing.join(', ')}`);
}

type Columns = typeof neededColumns;

async function missingOf(
  session: PostgresSession,
  schema: string,
  needed: Columns,
  options: CallOptions | undefined,
): Promise<string[]> {
  const [used] = await session.read<[string]>(encoding, [], options);
  const encodings =
    used?.[0] === 'UTF8' ? [] : [`encoding UTF8 in this database, but ${used?.[0]}`];
  return [...encodings, ...(await missingColumns(session, schema, needed, options))];
}

async function missingColumns(
  session: PostgresSession,
  schema: string,
  needed: Columns,
  options: CallOptions | undefined,
): Promise<string[]> {
  const rows = await session.read<[string, string]>(presentColumns, [schema], options);
  if (rows.length === 0) {
    const found = await session.read(schemaRow, [schema], options);
    if (found.length === 0) return [`schema ${schema}`];
  }
  const present = new Set(rows.map((names) => names.join('.')));
  const tables = new Set(rows.map(([table]) => table));
  return Object.entries(needed).flatMap(([table, columns]) => {
    if (!tables.has(table)) return mayBeMissing.has(table) ? [] : [`table ${schema}.${table}`];
    return columns
      .filter((column) => !present.has(`${table}.${column}`))
      .map((column) => `column ${schema}.${table}.${column}`);
  });
}

const encoding = { name: 'show encoding', text: 'SHOW server_encoding' };

const schemaRow = {
  name: 'select schema',
  text: 'SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname = $1',
};

/** The catalogue shows them whatever the user may do with them. */
const presentColumns = {
  name: 'select columns',
  text: `SELECT c.relname, a.attname
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
    WHERE n.nspname = $1 AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v')`,
};

const rightsMissing = {
  name: 'select missing rights',
  text: `SELECT c.relname, r.name
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    CROSS JOIN (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE')) AS r (name)
    WHERE n.nspname = $1 AND c.relname = ANY ($2::text[]) AND c.relkind IN ('r', 'p', 'v')
      AND NOT has_table_privilege(c.oid, r.name)
      AND NOT (r.name = 'DELETE' AND c.relname IN ('pointer', 'expiry'))
      AND NOT (r.name = 'UPDATE' AND c.relname = 'event')
    ORDER BY 1, 2`,
};
