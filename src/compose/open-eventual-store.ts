import { existsSync } from 'node:fs';
import type { EventualSettings } from '../config/settings/eventual-settings.ts';
import type { SetUpItem } from '../model/set-up-item.ts';
import type { CallOptions } from '../ports/call-options.ts';
import type { ReplicatedJournal } from '../ports/replicated-journal.ts';
import type { EventualStore } from '../ports/wake-ups.ts';
import type { SetUpOptions } from '../stores/set-up-options.ts';
import type { SqliteStore } from '../stores/sqlite/store.ts';
import type { OpenDeps } from './stores.ts';

/*
 * The one place that knows which replicated stores there are. A driver is loaded when its store is
 * chosen.
 */

/** What people call each store. */
export const storeNames = {
  cassandra: 'Cassandra',
  postgres: 'PostgreSQL',
  sqlite: 'SQLite',
} as const satisfies Record<EventualSettings['type'], string>;

/**
 * The store as clients read it: its tables are there, or are created where that is allowed, unless
 * `options.mode` says otherwise.
 *
 * @throws {NotSetUpError} the store lacks tables, and the settings do not allow to create them
 * @throws {AccessDeniedError} names the right that is missing
 * @throws {StoreUnavailableError} retryable
 */
export async function openEventualStore(
  settings: EventualSettings,
  deps: OpenDeps,
  options?: CallOptions & Partial<Pick<SetUpOptions, 'mode'>>,
): Promise<EventualStore> {
  await setUpStore(settings, deps, { mode: modeOf(settings), ...options });
  switch (settings.type) {
    case 'cassandra': {
      const { openCassandraEventualJournal } = await import(
        '../stores/cassandra/eventual-journal.ts'
      );
      return await openCassandraEventualJournal(settings.cassandra, deps, options);
    }
    case 'postgres': {
      const { openPostgresEventualJournal } = await import(
        '../stores/postgres/eventual-journal.ts'
      );
      return await openPostgresEventualJournal(settings.postgres, deps, options);
    }
    case 'sqlite':
      return eventualOf(await openFile(settings.sqlite.file, deps));
  }
}

/**
 * The store as the replicator writes it: its tables are there, or are created where that is
 * allowed.
 *
 * @throws {NotSetUpError} the store lacks tables, and the settings do not allow to create them
 * @throws {AccessDeniedError} names the right that is missing
 * @throws {StoreUnavailableError} retryable
 */
export async function openReplicatedStore(
  settings: EventualSettings,
  deps: OpenDeps,
  options?: CallOptions,
): Promise<ReplicatedJournal> {
  await setUpStore(settings, deps, { ...options, mode: modeOf(settings) });
  switch (settings.type) {
    case 'cassandra': {
      const { openCassandraReplicatedJournal } = await import(
        '../stores/cassandra/replicated-journal.ts'
      );
      return await openCassandraReplicatedJournal(settings.cassandra, deps, options);
    }
    case 'postgres': {
      const { openPostgresReplicatedJournal } = await import(
        '../stores/postgres/replicated-journal.ts'
      );
      return await openPostgresReplicatedJournal(settings.postgres, deps, options);
    }
    case 'sqlite':
      return replicatedOf(await openFile(settings.sqlite.file, deps));
  }
}

/**
 * Creates what is missing, whatever the settings allow to clients: for operators.
 *
 * @returns what there is now, and whether it was there before
 * @throws {AccessDeniedError} names the right that is missing; what came before it is created
 * @throws {StoreUnavailableError} may be created in part; run it again
 */
export async function createStore(
  settings: EventualSettings,
  deps: OpenDeps,
): Promise<readonly SetUpItem[]> {
  switch (settings.type) {
    case 'cassandra': {
      const { schema } = settings.cassandra;
      const keyspace = { ...schema.keyspace, autoCreate: true };
      const allowed = { ...settings.cassandra, schema: { ...schema, keyspace, autoCreate: true } };
      return await setUpStore({ ...settings, cassandra: allowed }, deps, { mode: 'create' });
    }
    case 'postgres':
      return await setUpStore(settings, deps, { mode: 'create' });
    case 'sqlite': {
      const { file } = settings.sqlite;
      const state = existsSync(file) ? 'exists' : 'created';
      await (await openFile(file, deps))[Symbol.asyncDispose]();
      return [{ name: `file ${file}`, state }];
    }
  }
}

/** The servers or the file, for a message. */
export function placeOfStore(settings: EventualSettings): string {
  switch (settings.type) {
    case 'cassandra': {
      const { contactPoints, port } = settings.cassandra.client;
      return `Cassandra at ${contactPoints.map((host) => `${host}:${port}`).join(', ')}`;
    }
    case 'postgres':
      return `PostgreSQL at ${settings.postgres.host}:${settings.postgres.port}`;
    case 'sqlite':
      return `SQLite in ${settings.sqlite.file}`;
  }
}

async function setUpStore(
  settings: EventualSettings,
  deps: OpenDeps,
  options: SetUpOptions,
): Promise<readonly SetUpItem[]> {
  switch (settings.type) {
    case 'cassandra': {
      const { setUpCassandra } = await import('../stores/cassandra/schema/create-schema.ts');
      return await setUpCassandra(settings.cassandra, deps, options);
    }
    case 'postgres': {
      const { setUpPostgres } = await import('../stores/postgres/schema/create-schema.ts');
      return await setUpPostgres(settings.postgres, deps, options);
    }
    case 'sqlite':
      return [];
  }
}

/** With all switches off a program only looks, under rights that allow nothing else (ADR 19). */
function modeOf(settings: EventualSettings): SetUpOptions['mode'] {
  if (settings.type === 'sqlite') return 'create';
  if (settings.type === 'postgres') return settings.postgres.schema.autoCreate ? 'create' : 'check';
  const { autoCreate, keyspace } = settings.cassandra.schema;
  return autoCreate || keyspace.autoCreate ? 'create' : 'check';
}

/** Of a store without a log: the partitions and segments are not used. */
const fileDefaults = { partitions: 1, segmentSize: 10_000 };

async function openFile(file: string, deps: OpenDeps): Promise<SqliteStore> {
  const { openSqliteStore } = await import('../stores/sqlite/store.ts');
  return await openSqliteStore({ file, ...fileDefaults }, deps);
}

/** Closing it closes the file. */
function eventualOf(store: SqliteStore): EventualStore {
  const { eventual } = store;
  return {
    wakeUps: eventual.wakeUps,
    lastTenure: (...call) => eventual.lastTenure(...call),
    offset: (...call) => eventual.offset(...call),
    pointer: (...call) => eventual.pointer(...call),
    read: (...call) => eventual.read(...call),
    ids: (...call) => eventual.ids(...call),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

/** Closing it closes the file. */
function replicatedOf(store: SqliteStore): ReplicatedJournal {
  const { replicated } = store;
  return {
    topics: (...call) => replicated.topics(...call),
    claim: (...call) => replicated.claim(...call),
    saveOffset: (...call) => replicated.saveOffset(...call),
    tenuresUpTo: (...call) => replicated.tenuresUpTo(...call),
    saveTenures: (...call) => replicated.saveTenures(...call),
    wakeUpsUpTo: (...call) => replicated.wakeUpsUpTo(...call),
    saveWakeUps: (...call) => replicated.saveWakeUps(...call),
    lastTenure: (...call) => replicated.lastTenure(...call),
    journalPlaces: (...call) => replicated.journalPlaces(...call),
    expired: (...call) => replicated.expired(...call),
    expiredUntil: (...call) => replicated.expiredUntil(...call),
    saveExpiredUntil: (...call) => replicated.saveExpiredUntil(...call),
    open: (...call) => replicated.open(...call),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}
