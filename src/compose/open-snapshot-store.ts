import type { SnapshotStoreSettings } from '../config/settings/snapshot-store-settings.ts';
import type { SetUpItem } from '../model/set-up-item.ts';
import type { CallOptions } from '../ports/call-options.ts';
import type { SnapshotStorePlugin } from '../ports/snapshot-store.ts';
import { openLocalSnapshotStore } from '../stores/local/local-snapshot-store.ts';
import { InMemorySnapshotStore } from '../stores/memory/in-memory-snapshot-store.ts';
import { openSqliteSnapshotStore } from '../stores/sqlite/snapshot-store.ts';
import type { OpenDeps } from './stores.ts';

/**
 * The store as clients use it: its table is there, or is created where that is allowed. A driver is
 * loaded when its store is chosen.
 *
 * @throws {NotSetUpError} the table is missing, and the settings do not allow to create it
 * @throws {AccessDeniedError} names the right that is missing
 * @throws {InvalidInputError} the file or the folder cannot be used
 * @throws {StoreUnavailableError} retryable
 */
export async function openSnapshotStore(
  settings: SnapshotStoreSettings,
  deps: OpenDeps,
  options?: CallOptions,
): Promise<SnapshotStorePlugin> {
  switch (settings.type) {
    case 'memory':
      return new InMemorySnapshotStore();
    case 'local':
      return await openLocalSnapshotStore(settings, deps);
    case 'sqlite':
      return await openSqliteSnapshotStore(settings.file, deps);
    case 'cassandra': {
      const { autoCreate, keyspace } = settings.cassandra.schema;
      if (autoCreate || keyspace.autoCreate) {
        const { setUpCassandraSnapshots } = await cassandraSchema();
        await setUpCassandraSnapshots(settings, deps, { ...options, mode: 'create' });
      }
      const { openCassandraSnapshotStore } = await import('../stores/cassandra/snapshot-store.ts');
      return await openCassandraSnapshotStore(settings, deps, options);
    }
    case 'postgres': {
      const { postgres } = settings;
      if (postgres.schema.autoCreate) {
        const { setUpPostgresSnapshots } = await postgresSchema();
        await setUpPostgresSnapshots(postgres, deps, { ...options, mode: 'create' });
      }
      const { openPostgresSnapshotStore } = await import('../stores/postgres/snapshot-store.ts');
      return await openPostgresSnapshotStore(postgres, deps, options);
    }
  }
}

/**
 * Creates the table that is missing, whatever the settings allow to clients: for operators. What is
 * on this host is made by the first program that opens it.
 *
 * @returns what there is now, and whether it was there before
 * @throws {AccessDeniedError} names the right that is missing
 * @throws {StoreUnavailableError} may be created in part; run it again
 */
export async function createSnapshotTable(
  settings: SnapshotStoreSettings,
  deps: OpenDeps,
): Promise<readonly SetUpItem[]> {
  switch (settings.type) {
    case 'memory':
    case 'local':
    case 'sqlite':
      return [];
    case 'cassandra': {
      const { schema } = settings.cassandra;
      const keyspace = { ...schema.keyspace, autoCreate: true };
      const allowed = { ...settings.cassandra, schema: { ...schema, keyspace, autoCreate: true } };
      const { setUpCassandraSnapshots } = await cassandraSchema();
      return await setUpCassandraSnapshots({ ...settings, cassandra: allowed }, deps, {
        mode: 'create',
      });
    }
    case 'postgres': {
      const { setUpPostgresSnapshots } = await postgresSchema();
      return await setUpPostgresSnapshots(settings.postgres, deps, { mode: 'create' });
    }
  }
}

const cassandraSchema = () => import('../stores/cassandra/schema/create-schema.ts');
const postgresSchema = () => import('../stores/postgres/schema/create-schema.ts');
