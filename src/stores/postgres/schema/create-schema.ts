import type { PostgresSettings } from '../../../config/settings/postgres-settings.ts';
import type { SetUpItem } from '../../../model/set-up-item.ts';
import { unlessAborted } from '../../../runtime/waiting.ts';
import type { SetUpOptions } from '../../set-up-options.ts';
import {
  openPostgresSession,
  type PostgresDeps,
  type PostgresSession,
  type Run,
} from '../session.ts';
import { checkSnapshotsTable, checkTables } from './check-schema.ts';
import {
  type Migration,
  migrations,
  neededColumns,
  neededSnapshotColumns,
  snapshotMigrations,
} from './migrations.ts';

/**
 * `create` makes schema and tables that are missing, or brings older ones up to date; `check` only
 * looks, and needs no right but SELECT.
 *
 * Where all is there, `create` issues no DDL either. Processes that set up at once take turns. Each
 * step is one transaction with the version that it makes: a step that fails leaves the version
 * where it was.
 *
 * @returns the tables, and what was done to tables that were there
 * @throws {NotSetUpError} names what is missing and may not be created
 * @throws {AccessDeniedError} the user may not create it
 * @throws {StoreUnavailableError} retryable; repeat it
 * @throws the abort reason when `options.signal` fires; the step under way may be stored, whole
 */
export async function setUpPostgres(
  settings: PostgresSettings,
  deps: PostgresDeps,
  options: SetUpOptions,
): Promise<readonly SetUpItem[]> {
  const { name } = settings.schema;
  return await inSession(settings, deps, options, async (session) => {
    const statements = options.mode === 'create' ? await migrate(session, name, deps) : [];
    await checkTables(session, name, options);
    return itemsOf(name, Object.keys(neededColumns), statements);
  });
}

/**
 * The same for the table of snapshots alone: no table of the journal is made or looked for.
 *
 * @throws as {@link setUpPostgres}; what is missing comes with its statement
 */
export async function setUpPostgresSnapshots(
  settings: PostgresSettings,
  deps: PostgresDeps,
  options: SetUpOptions,
): Promise<readonly SetUpItem[]> {
  const { name } = settings.schema;
  const { log } = deps;
  const steps = snapshotMigrations;
  return await inSession(settings, deps, options, async (session) => {
    const statements =
      options.mode === 'create'
        ? await migrate(session, name, { log, steps, versionKey: 'snapshots-version' })
        : [];
    await checkSnapshotsTable(session, name, options);
    return itemsOf(name, Object.keys(neededSnapshotColumns), statements);
  });
}

async function inSession<T>(
  settings: PostgresSettings,
  deps: PostgresDeps,
  options: SetUpOptions,
  work: (session: PostgresSession) => Promise<T>,
): Promise<T> {
  const queryTimeoutMs = Math.max(schemaTimeoutMs, settings.queryTimeoutMs);
  const session = await openPostgresSession({ ...settings, queryTimeoutMs }, deps, options);
  try {
    return await unlessAborted(work(session), options.signal);
  } finally {
    // The transaction of a step that nobody waits for ends with its connection.
    await session[Symbol.asyncDispose]();
  }
}

/** What was made is known from the statements that made it. */
function itemsOf(
  schema: string,
  names: readonly string[],
  statements: readonly string[],
): readonly SetUpItem[] {
  const itemOf = (table: string): SetUpItem => {
    const isNew = statements.some((sql) => sql.startsWith(`CREATE TABLE "${schema}".${table} `));
    return { name: `table ${schema}.${table}`, state: isNew ? 'created' : 'exists' };
  };
  const tables = names.map(itemOf);
  const isFirst = tables.every(({ state }) => state === 'created');
  const changes = isFirst ? [] : statements.filter((sql) => !sql.startsWith('CREATE TABLE '));
  const changed = changes.map((name): SetUpItem => ({ name, state: 'changed' }));
  return [...tables, itemOf('setting'), ...changed];
}

/** A schema change waits for those who use the table, and for others who change it. */
const schemaTimeoutMs = 60_000;

/** Which steps bring a schema up to date; those of the journal unless given. */
export interface MigrateOptions extends Pick<PostgresDeps, 'log'> {
  readonly steps?: readonly Migration[];
  /** Where `setting` says how many of them were applied. */
  readonly versionKey?: string;
}

/**
 * Applies the steps that a schema lacks; exported for tests that bring steps of their own.
 *
 * @returns the statements that were committed
 * @throws {StoreUnavailableError} a step may be stored, whole; repeat it
 */
export async function migrate(
  session: PostgresSession,
  schema: string,
  { log, steps = migrations, versionKey = 'schema-version' }: MigrateOptions,
): Promise<readonly string[]> {
  const committed: string[] = [];
  const versionIn = (reading: Reading) => readVersion(reading, schema, versionKey);
  for (let version = await versionIn(session); version < steps.length; version++) {
    const step = steps[version] as Migration;
    // Another process may do the same; the lock goes with the transaction.
    const statements = await session.transaction(async (run) => {
      await run(lock, [schema]);
      if ((await versionIn({ read: run })) !== version) return [];
      const [exists] = await run(settingTable, [schema]);
      const all = [...(exists === undefined ? newSchema(schema) : []), ...step(`"${schema}"`)];
      for (const sql of all) {
        log.info({ sql }, 'PostgreSQL schema statement');
        await run({ name: '', text: sql }, []);
      }
      const saveVersion = `INSERT INTO "${schema}".setting (key, value, updated)
        VALUES ($1, $2, now())
        ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated = excluded.updated`;
      await run({ name: '', text: saveVersion }, [versionKey, String(version + 1)]);
      return all;
    });
    committed.push(...statements);
  }
  return committed;
}

/** What comes before the first step: the schema, and the table that names its version. */
const newSchema = (schema: string): readonly string[] => [
  `CREATE SCHEMA IF NOT EXISTS "${schema}"`,
  `CREATE TABLE "${schema}".setting (
      key text PRIMARY KEY,
      value text NOT NULL,
      updated timestamptz NOT NULL
    )`,
];

/** One number for all who set up a schema of this name in this database. */
const lock = {
  name: 'lock schema',
  text: `SELECT pg_advisory_xact_lock(hashtextextended('kafka-journal ' || $1, 0))::text`,
};

/** Reads in a transaction, or outside of one. */
interface Reading {
  readonly read: Run;
}

/** How many steps were applied. */
async function readVersion(session: Reading, schema: string, key: string): Promise<number> {
  const [exists] = await session.read(settingTable, [schema]);
  if (exists === undefined) return 0;
  const text = `SELECT value FROM "${schema}".setting WHERE key = $1`;
  const [row] = await session.read<[string]>({ name: '', text }, [key]);
  return Number(row?.[0] ?? 0);
}

const settingTable = {
  name: 'select setting table',
  text: `SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = $1 AND tablename = 'setting'`,
};
