import { setUpPostgresSnapshots } from '../../src/stores/postgres/schema/create-schema.ts';
import { openPostgresSnapshotStore } from '../../src/stores/postgres/snapshot-store.ts';
import {
  deps,
  dropSchema,
  postgresSettings,
  randomSchema,
  rawClient,
} from '../integration/postgres/postgres-server.ts';
import { snapshotStoreContract } from './snapshot-store.contract.ts';

describe('postgres', function () {
  this.timeout(30_000);
  const schema = randomSchema();
  after(() => dropSchema(schema));

  snapshotStoreContract('in PostgreSQL', async () => {
    const settings = postgresSettings(schema);
    await setUpPostgresSnapshots(settings, deps, { mode: 'create' });
    const store = await openPostgresSnapshotStore(settings, deps);
    const operator = await rawClient();
    return {
      store,
      another: () => openPostgresSnapshotStore(settings, deps),
      async damage() {
        await operator.query(`ALTER TABLE ${schema}.snapshots RENAME TO gone`);
        return () => operator.query(`ALTER TABLE ${schema}.gone RENAME TO snapshots`);
      },
      async [Symbol.asyncDispose]() {
        await store[Symbol.asyncDispose]();
        await operator.end();
      },
    };
  });
});
