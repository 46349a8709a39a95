import { hostname } from 'node:os';
import type {
  CassandraSchemaSettings,
  CassandraSettings,
  KeyspaceReplication,
} from '../../../config/settings/cassandra-settings.ts';
import type { SetUpItem } from '../../../model/set-up-item.ts';
import type { CallOptions } from '../../../ports/call-options.ts';
import { unlessAborted, within } from '../../../runtime/waiting.ts';
import type { SetUpOptions } from '../../set-up-options.ts';
import { openCassandraSession } from '../session.ts';
import type { CassandraDeps, CassandraSession } from '../session-types.ts';
import { checkSnapshotsTable, checkTables, missingOf, notSetUp } from './check-schema.ts';
import { type ExistingSchema, existingSchema, replicationText } from './existing-schema.ts';
import { currentVersion, outstandingSteps, readVersion, writeVersion } from './migrations.ts';
import { withSchemaLock } from './schema-lock.ts';
import {
  createIndexCql,
  createTableCql,
  indexName,
  locksDefinition,
  snapshotsDefinition,
  type TableDefinition,
  tableDefinitions,
} from './schema-tables.ts';

/**
 * `create` makes what is missing and `settings.schema` allows to be made (`keyspace.autoCreate`:
 * keyspace and locks table; `autoCreate`: tables, indexes and migrations); `check` only looks, and
 * needs no right but SELECT.
 *
 * Where all is there, `create` issues no DDL either. Processes that set up at once take turns. A
 * failing statement ends it with the version at the last step that succeeded, so the next run
 * repeats it.
 *
 * @returns the keyspace and the tables, and what was done to tables that were there
 * @throws {NotSetUpError} names what is missing and may not be created
 * @throws {AccessDeniedError} the user may not create it
 * @throws {StoreUnavailableError} retryable; repeat it
 * @throws the abort reason when `options.signal` fires; the statement under way may be applied
 */
export async function setUpCassandra(
  settings: CassandraSettings,
  deps: CassandraDeps,
  { mode, ...options }: SetUpOptions,
): Promise<readonly SetUpItem[]> {
  const { schema } = settings;
  return await inSession(settings, deps, options, async (session) => {
    const setUp = new SchemaSetUp(session, schema, { ...deps, ...options });
    if (mode === 'create') await setUp.run();
    await checkTables(session, schema, options);
    return setUp.items();
  });
}

/** The keyspace and the table of a snapshot store in it. */
export interface CassandraSnapshotsPlace {
  readonly cassandra: CassandraSettings;
  readonly table: string;
}

/**
 * The same for the table of a snapshot store alone: no table of the journal is made or looked for.
 *
 * @throws as {@link setUpCassandra}; what is missing comes with its statement
 */
export async function setUpCassandraSnapshots(
  { cassandra, table }: CassandraSnapshotsPlace,
  deps: CassandraDeps,
  { mode, ...options }: SetUpOptions,
): Promise<readonly SetUpItem[]> {
  const { schema } = cassandra;
  return await inSession(cassandra, deps, options, async (session) => {
    const only = snapshotsDefinition(table);
    const setUp = new SchemaSetUp(session, schema, { ...deps, ...options }, only);
    if (mode === 'create') await setUp.run();
    await checkSnapshotsTable(session, schema, table, options);
    return setUp.items();
  });
}

/** How long a set-up that nobody waits for any more may take to give the schema lock back. */
const graceMs = 2_000;

/** @throws the abort reason when `signal` fires, also while a statement is under way */
async function inSession<T>(
  settings: CassandraSettings,
  deps: CassandraDeps,
  { signal }: CallOptions,
  work: (session: CassandraSession) => Promise<T>,
): Promise<T> {
  const session = await openCassandraSession(settings, deps, { signal });
  const working = work(session);
  try {
    return await unlessAborted(working, signal);
  } catch (error) {
    await within(Promise.allSettled([working]), graceMs, deps.clock);
    throw error;
  } finally {
    await session[Symbol.asyncDispose]();
  }
}

class SchemaSetUp {
  readonly #session: CassandraSession;
  readonly #schema: CassandraSchemaSettings;
  readonly #deps: CassandraDeps & CallOptions;
  readonly #keyspace: string;
  readonly #tables: readonly TableDefinition[];
  /** Only the tables of the journal have versions. */
  readonly #hasVersion: boolean;
  readonly #statements: string[] = [];
  #found: ExistingSchema | undefined;

  /** @param only the one table to set up; those of the journal unless given */
  constructor(
    session: CassandraSession,
    schema: CassandraSchemaSettings,
    deps: CassandraDeps & CallOptions,
    only?: TableDefinition,
  ) {
    this.#session = session;
    this.#schema = schema;
    this.#deps = deps;
    this.#keyspace = schema.keyspace.name;
    this.#tables = only === undefined ? tableDefinitions(schema) : [only];
    this.#hasVersion = only === undefined;
  }

  async run(): Promise<void> {
    const keyspace = this.#keyspace;
    const schema = this.#schema;
    let existing = await this.#look();
    this.#found = existing;
    if (existing === undefined) {
      if (!schema.keyspace.autoCreate) throw notSetUp([`keyspace ${keyspace}`]);
      const replication = replicationCql(schema.keyspace.replication);
      await this.#ddl(
        `CREATE KEYSPACE IF NOT EXISTS ${keyspace} WITH REPLICATION = ${replication}`,
      );
      existing = { replication: '', tables: new Map(), indexes: new Set() };
    } else this.#compareReplication(existing.replication);
    if (!schema.autoCreate || (await this.#isComplete(existing))) return;
    const locks = locksDefinition(schema);
    const table = `${keyspace}.${locks.name}`;
    if (!existing.tables.has(locks.name.toLowerCase())) {
      if (!schema.keyspace.autoCreate) throw notSetUp([`table ${table}`]);
      for (const cql of createTableCql(keyspace, locks)) await this.#ddl(cql);
    }
    await withSchemaLock({ session: this.#session, table, deps: this.#deps }, () =>
      this.#complete(),
    );
  }

  /** The setting counts only when the keyspace is created: changed later, it changes nothing. */
  #compareReplication(stored: string): void {
    const { keyspace } = this.#schema;
    const configured = replicationText(optionsOf(keyspace.replication));
    if (!keyspace.autoCreate || stored === configured) return;
    const fields = { keyspace: keyspace.name, stored, configured };
    this.#deps.log.warn(fields, 'the keyspace has another replication than its settings say');
  }

  /** What was made is known from the statements that made it. */
  items(): readonly SetUpItem[] {
    const keyspace = this.#keyspace;
    const schema = this.#schema;
    const statements = this.#statements;
    const wasMade = (start: string): boolean => statements.some((cql) => cql.startsWith(start));
    const tables = [...this.#tables, locksDefinition(schema)].flatMap(({ name }) => {
      const isNew = wasMade(`CREATE TABLE IF NOT EXISTS ${keyspace}.${name} `);
      const isThere = isNew || this.#found?.tables.has(name.toLowerCase());
      return isThere ? [{ name: `table ${keyspace}.${name}`, isNew }] : [];
    });
    const isNew = wasMade(`CREATE KEYSPACE IF NOT EXISTS ${keyspace} `);
    const all = [{ name: `keyspace ${keyspace}`, isNew }, ...tables];
    const changes = all.every((item) => item.isNew)
      ? []
      : statements.filter((cql) => !/^CREATE (?:KEYSPACE|TABLE) /.test(cql));
    return [
      ...all.map(
        (item) => ({ name: item.name, state: item.isNew ? 'created' : 'exists' }) as const,
      ),
      ...changes.map((cql) => ({ name: cql, state: 'changed' }) as const),
    ];
  }

  /** Nothing to create, nothing to migrate, the version written: no lock is taken. */
  async #isComplete(existing: ExistingSchema): Promise<boolean> {
    if (this.#missingTables(existing).length > 0) return false;
    const missing = missingOf(this.#schema, existing, this.#tables);
    if (missing.length > 0 || this.#missingIndexes(existing).length > 0) return false;
    if (!this.#hasVersion) return true;
    return ((await readVersion(this.#session, this.#schema)) ?? -1) >= currentVersion;
  }

  /** Under the lock: another process may have done it all meanwhile, so look again. */
  async #complete(): Promise<void> {
    const missing = this.#missingTables(await this.#lookAgain());
    for (const table of missing) {
      for (const cql of createTableCql(this.#keyspace, table)) await this.#ddl(cql);
    }
    if (!this.#hasVersion) return;
    // Those of tenures have one name in a keyspace, also where it holds several sets of tables.
    const isOfSet = ({ mayBeMissing }: TableDefinition): boolean => !mayBeMissing;
    const set = this.#tables.filter(isOfSet);
    await this.#migrate(missing.filter(isOfSet).length === set.length);
    for (const cql of this.#missingIndexes(await this.#lookAgain())) await this.#ddl(cql);
  }

  async #migrate(fresh: boolean): Promise<void> {
    const version = await readVersion(this.#session, this.#schema);
    if (version === undefined && fresh) return await this.#record(currentVersion);
    for (const step of outstandingSteps(this.#schema, version, await this.#lookAgain())) {
      for (const cql of step.ddl) await this.#ddl(cql);
      await this.#record(step.version);
    }
  }

  async #record(version: number): Promise<void> {
    const nowMs = this.#deps.clock.nowMs();
    await writeVersion(this.#session, this.#schema, { version, nowMs, origin: hostname() });
  }

  #missingTables({ tables }: ExistingSchema): readonly TableDefinition[] {
    return this.#tables.filter(({ name }) => !tables.has(name.toLowerCase()));
  }

  #missingIndexes(existing: ExistingSchema): readonly string[] {
    return this.#tables.flatMap(({ name, indexes }) =>
      indexes
        .filter((column) => !existing.indexes.has(indexName(name, column).toLowerCase()))
        .map((column) => createIndexCql(this.#keyspace, name, column)),
    );
  }

  #look(): Promise<ExistingSchema | undefined> {
    return existingSchema(this.#session, this.#keyspace, this.#deps);
  }

  async #lookAgain(): Promise<ExistingSchema> {
    const existing = await this.#look();
    if (existing === undefined) throw notSetUp([`keyspace ${this.#keyspace}`]);
    return existing;
  }

  async #ddl(cql: string): Promise<void> {
    this.#deps.signal?.throwIfAborted();
    this.#deps.log.info({ cql }, 'Cassandra schema statement');
    await this.#session.execute(cql);
    this.#statements.push(cql);
  }
}

function optionsOf(replication: KeyspaceReplication): Readonly<Record<string, string>> {
  if (replication.type === 'simple') {
    return { class: 'SimpleStrategy', replication_factor: String(replication.factor) };
  }
  const factors = Object.entries(replication.factors).map(([dc, factor]) => [dc, String(factor)]);
  return { class: 'NetworkTopologyStrategy', ...Object.fromEntries(factors) };
}

function replicationCql(replication: KeyspaceReplication): string {
  const { class: name, ...factors } = optionsOf(replication);
  const written = Object.entries(factors).map(([of, factor]) => `'${of}':${factor}`);
  return `{ ${[`'class' : '${name}'`, ...written].join(',')} }`;
}
