import type { PostgresSettings } from '../../config/postgres-settings.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import {
  openPostgresSession,
  type PostgresDeps,
  type PostgresSession,
  type Run,
} from '../postgres-session.ts';
import { checkTables, notSetUp } from './check-schema.ts';
import { type Migration, migrations } from './migrations.ts';

/**
 * `create` makes schema and tables that are missing, or brings older ones up to date; `check` only looks,
 * and needs no right but SELECT.
 *
 * Where all is there, `create` issues no DDL either. Processes that set up at once take turns. Each step is
 * one transaction with the version that it makes: a step that fails leaves the version where it was.
 *
 * @throws {NotSetUpError} names what is missing and may not be created
 * @throws {AccessDeniedError} the user may not create it
 * @throws {StoreUnavailableError} retryable; repeat it
 */
export async function setUpPostgres(
  settings: PostgresSettings,
  deps: PostgresDeps,
  options: { readonly mode: 'create' | 'check' } & CallOptions,
): Promise<void> {
  const queryTimeoutMs = Math.max(schemaTimeoutMs, settings.queryTimeoutMs);
  const session = await openPostgresSession({ ...settings, queryTimeoutMs }, deps, options);
  try {
    if (options.mode === 'create') await migrate(session, settings.schema.name, { log: deps.log });
    await checkTables(session, settings.schema.name, options);
  } finally {
    await session[Symbol.asyncDispose]();
  }
}

/** A schema change waits for those who use the table, and for others who change it. */
const schemaTimeoutMs = 60_000;

/** Applies the steps that a schema lacks; exported for tests that bring steps of their own. */
export async function migrate(
  session: PostgresSession,
  schema: string,
  options: Pick<PostgresDeps, 'log'> & { readonly steps?: readonly Migration[] },
): Promise<void> {
  const { log, steps = migrations } = options;
  for (let version = await readVersion(session, schema); version < steps.length; version++) {
    const step = steps[version] as Migration;
    // Another process may do the same; the lock goes with the transaction.
    await session.transaction(async (run) => {
      await run(lock, [schema]);
      if ((await readVersion({ read: run }, schema)) !== version) return;
      for (const sql of [...schemaSql(version, schema), ...step(`"${schema}"`)]) {
        log.info({ sql }, 'schema statement');
        await run({ name: '', text: sql }, []);
      }
      await saveVersion(run, schema, version + 1);
    });
  }
}

/** Names what a schema of version 0 lacks beside its tables. */
function schemaSql(version: number, schema: string): readonly string[] {
  if (version > 0) return [];
  return [
    `CREATE SCHEMA IF NOT EXISTS "${schema}"`,
    `CREATE TABLE "${schema}".setting (
      key text PRIMARY KEY,
      value text NOT NULL,
      updated timestamptz NOT NULL
    )`,
  ];
}

/** One number for all who set up a schema of this name in this database. */
const lock = {
  name: 'lock schema',
  text: `SELECT pg_advisory_xact_lock(hashtextextended('kafka-journal ' || $1, 0))::text`,
};

/** How many steps were applied. */
async function readVersion(session: { readonly read: Run }, schema: string): Promise<number> {
  const [exists] = await session.read<[string | null]>(settingTable, [schema]);
  if (exists === undefined) return 0;
  const text = `SELECT value FROM "${schema}".setting WHERE key = 'schema-version'`;
  const [row] = await session.read<[string]>({ name: '', text }, []);
  if (row === undefined) throw notSetUp([`schema-version in ${schema}.setting`]);
  return Number(row[0]);
}

const settingTable = {
  name: 'select setting table',
  text: `SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = $1 AND tablename = 'setting'`,
};

async function saveVersion(run: Run, schema: string, version: number): Promise<void> {
  const text = `INSERT INTO "${schema}".setting (key, value, updated)
    VALUES ('schema-version', $1, now())
    ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated = excluded.updated`;
  await run({ name: '', text }, [String(version)]);
}
