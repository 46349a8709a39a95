import { setUpCassandraSnapshots } from '../../src/stores/cassandra/schema/create-schema.ts';
import { openCassandraSnapshotStore } from '../../src/stores/cassandra/snapshot-store.ts';
import { cassandraSettings, deps, rawClient } from '../integration/cassandra/cassandra-server.ts';
import { sharedKeyspace } from '../integration/cassandra/shared-keyspace.ts';
import { snapshotStoreContract } from './snapshot-store.contract.ts';

describe('cassandra', function () {
  this.timeout(30_000);
  const keyspace = sharedKeyspace();

  // Pages of two rows, so that criteria of time have to look at several.
  snapshotStoreContract('in Cassandra', async () => {
    const cassandra = cassandraSettings(keyspace, { fetchSize: 2 });
    const settings = { cassandra, table: 'snapshots', ttlSeconds: undefined };
    await setUpCassandraSnapshots(settings, deps, { mode: 'create' });
    const store = await openCassandraSnapshotStore(settings, deps);
    const operator = await rawClient();
    return {
      store,
      another: () => openCassandraSnapshotStore(settings, deps),
      async damage({ persistenceId, seqNr }) {
        const cql = `UPDATE ${keyspace}.snapshots SET snapshot = null WHERE persistence_id = ? AND seq_nr = ? AND save = '' AND part = 0`;
        await operator.execute(cql, [persistenceId, seqNr], { prepare: true });
        return async () => {};
      },
      async [Symbol.asyncDispose]() {
        await store[Symbol.asyncDispose]();
        await operator.shutdown();
      },
    };
  });
});
