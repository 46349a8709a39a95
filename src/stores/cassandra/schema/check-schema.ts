import type { CassandraSchemaSettings } from '../../../config/settings/cassandra-settings.ts';
import { NotSetUpError } from '../../../model/errors.ts';
import type { CallOptions } from '../../../ports/call-options.ts';
import type { CassandraSession } from '../session-types.ts';
import { type ExistingSchema, existingSchema } from './existing-schema.ts';
import {
  createTableCql,
  snapshotsDefinition,
  type TableDefinition,
  tableDefinitions,
} from './schema-tables.ts';

/**
 * Reads whether keyspace, tables and columns are there.
 *
 * @throws {NotSetUpError} names all that is missing
 */
export async function checkTables(
  session: CassandraSession,
  schema: CassandraSchemaSettings,
  options?: CallOptions,
): Promise<void> {
  const missing = missingOf(schema, await existingSchema(session, schema.keyspace.name, options));
  if (missing.length > 0) throw notSetUp(missing);
}

/**
 * Reads whether the table of a snapshot store is there, with its columns.
 *
 * @throws {NotSetUpError} names what is missing, and the statement that makes it
 */
export async function checkSnapshotsTable(
  session: CassandraSession,
  schema: CassandraSchemaSettings,
  table: string,
  options?: CallOptions,
): Promise<void> {
  const definition = snapshotsDefinition(table);
  const existing = await existingSchema(session, schema.keyspace.name, options);
  const missing = missingOf(schema, existing, [definition]);
  if (missing.length === 0) return;
  throw notSetUp(missing, createTableCql(schema.keyspace.name, definition));
}

/** The error that names what is missing, and how to set it up. */
export function notSetUp(
  missing: readonly string[],
  statements: readonly string[] = [],
): NotSetUpError {
  const made = ['"kafka-journal setup" creates it', ...statements].join(', with ');
  return new NotSetUpError(`Cassandra has no ${missing.join(', no ')}; ${made}`);
}

/** Names of what the store needs: a keyspace, else tables, else columns of tables that exist. */
export function missingOf(
  schema: CassandraSchemaSettings,
  existing: ExistingSchema | undefined,
  tables: readonly TableDefinition[] = tableDefinitions(schema),
): string[] {
  const keyspace = schema.keyspace.name;
  if (existing === undefined) return [`keyspace ${keyspace}`];
  return tables.flatMap(({ name, columns, mayBeMissing }) => {
    const present = existing.tables.get(name.toLowerCase());
    if (present === undefined) return mayBeMissing ? [] : [`table ${keyspace}.${name}`];
    return Object.keys(columns)
      .filter((column) => !present.has(column) && !optional.has(column))
      .map((column) => `column ${keyspace}.${name}.${column}`);
  });
}

/** Columns that nothing reads or writes; the oldest keyspaces may lack them. */
const optional = new Set(['properties']);
