import type { CassandraSchemaSettings } from '../../../config/settings/cassandra-settings.ts';
import type { CassandraSession } from '../session-types.ts';
import { type SettingStatements, settingStatements } from '../tables/setting-table.ts';
import type { ExistingSchema } from './existing-schema.ts';
import { createTableCql, tableDefinitions } from './schema-tables.ts';

/** Version of a keyspace to which all steps were applied. */
export const currentVersion = 8;

/**
 * The steps by version (docs/format.md#tables): append-only. Each says which DDL is still to be
 * done, given what exists; usually nothing. 2 and 6 do nothing on the JVM either, 7 and 8 repeat
 * them in effect.
 */
const steps: readonly Step[] = [
  addColumn('journalTable', 'headers map<text, text>'),
  addColumn('journalTable', 'version text'),
  () => [],
  (schema, existing) =>
    tableDefinitions(schema)
      .filter(
        ({ name }) => name === schema.pointerTable && !existing.tables.has(name.toLowerCase()),
      )
      .flatMap((pointer) => createTableCql(schema.keyspace.name, pointer)),
  addColumn('journalTable', 'meta_record_id uuid'),
  addColumn('metaJournalTable', 'record_id uuid'),
  () => [],
  dropTable('metadata'),
  dropTable('pointer'),
];

type Step = (schema: CassandraSchemaSettings, existing: ExistingSchema) => readonly string[];

/**
 * The version of a keyspace, as its `setting` table says; `undefined` when it says none.
 *
 * @throws {StoreUnavailableError} nothing is changed; retryable
 */
export async function readVersion(
  session: CassandraSession,
  schema: CassandraSchemaSettings,
): Promise<number | undefined> {
  const [row] = await session.select(statements(schema).select, [versionKey]);
  const text = row?.['value'];
  return typeof text === 'string' && /^-?\d+$/.test(text) ? Number(text) : undefined;
}

/** A version that a keyspace has reached: when, and on which host. */
export interface ReachedVersion {
  readonly version: number;
  readonly nowMs: number;
  readonly origin: string;
}

/**
 * Records how many of the steps were applied.
 *
 * @throws {StoreUnavailableError} may be stored; repeat it
 */
export async function writeVersion(
  session: CassandraSession,
  schema: CassandraSchemaSettings,
  { version, nowMs, origin }: ReachedVersion,
): Promise<void> {
  await session.write(statements(schema).insert, [versionKey, String(version), nowMs, origin]);
}

const versionKey = 'schema-version';

function statements({ keyspace, settingTable }: CassandraSchemaSettings): SettingStatements {
  return settingStatements(`${keyspace.name}.${settingTable}`);
}

/** Steps above `version` in their order, each with the DDL that it needs on what exists. */
export function outstandingSteps(
  schema: CassandraSchemaSettings,
  version: number | undefined,
  existing: ExistingSchema,
): readonly { readonly version: number; readonly ddl: readonly string[] }[] {
  return steps
    .map((step, index) => ({ version: index, ddl: step(schema, existing) }))
    .slice(version === undefined ? 0 : Math.max(0, version + 1));
}

function addColumn(table: 'journalTable' | 'metaJournalTable', column: string): Step {
  return (schema, existing) => {
    const name = column.slice(0, column.indexOf(' '));
    if (existing.tables.get(schema[table].toLowerCase())?.has(name) !== false) return [];
    return [`ALTER TABLE ${schema.keyspace.name}.${schema[table]} ADD ${column}`];
  };
}

function dropTable(table: string): Step {
  return (schema, existing) => {
    const own = Object.values(schema).some(
      (name) => typeof name === 'string' && name.toLowerCase() === table,
    );
    if (own || !existing.tables.has(table)) return [];
    return [`DROP TABLE IF EXISTS ${schema.keyspace.name}.${table}`];
  };
}
