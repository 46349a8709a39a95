import type { CassandraSettings } from '../../src/config/settings/cassandra-settings.ts';
import { openCassandraEventualJournal } from '../../src/stores/cassandra/eventual-journal.ts';
import { openCassandraReplicatedJournal } from '../../src/stores/cassandra/replicated-journal.ts';
import { setUpCassandra } from '../../src/stores/cassandra/schema/create-schema.ts';
import {
  cassandraSettings,
  deps,
  dropKeyspace,
  randomKeyspace,
  rawClient,
} from '../integration/cassandra/cassandra-server.ts';
import { eventualJournalContract } from './eventual-journal.contract.ts';
import { journalsOfATopicContract } from './journals-of-a-topic.contract.ts';
import { replicatedJournalContract } from './replicated-journal.contract.ts';
import type { ReplicatedStore } from './replicated-store.ts';
import { type StoreWithoutTenures, withoutTenureTablesContract } from './tenures.contract.ts';

const keyspace = randomKeyspace();
const keyspaceOfJvm = randomKeyspace();

async function open(segmentSize: number): Promise<ReplicatedStore> {
  const settings = cassandraSettings(keyspace, { segmentSize });
  await setUpCassandra(settings, deps, { mode: 'create' });
  return await openSides(settings);
}

/** With the tables that the JVM system makes. */
async function openJvmTables(): Promise<StoreWithoutTenures> {
  const settings = cassandraSettings(keyspaceOfJvm);
  await setUpCassandra(settings, deps, { mode: 'create' });
  const operator = await rawClient();
  for (const table of ['tenures', 'tenures_until']) {
    await operator.execute(`DROP TABLE ${keyspaceOfJvm}.${table}`);
  }
  await operator.shutdown();
  await setUpCassandra(settings, deps, { mode: 'check' });
  return {
    ...(await openSides(settings)),
    makeTables: async () => void (await setUpCassandra(settings, deps, { mode: 'create' })),
  };
}

async function openSides(settings: CassandraSettings): Promise<ReplicatedStore> {
  const { segmentSize } = settings;
  const eventual = await openCassandraEventualJournal(settings, deps);
  const replicated = await openCassandraReplicatedJournal(settings, deps);
  return {
    eventual,
    replicated,
    segmentSize,
    another: () => openCassandraReplicatedJournal(settings, deps),
    async [Symbol.asyncDispose]() {
      await replicated[Symbol.asyncDispose]();
      await eventual[Symbol.asyncDispose]();
    },
  };
}

describe('cassandra', function () {
  this.timeout(30_000);
  after(async () => {
    for (const name of [keyspace, keyspaceOfJvm]) await dropKeyspace(name);
  });
  withoutTenureTablesContract('cassandra', openJvmTables);
  journalsOfATopicContract('cassandra', () => open(10_000));
  for (const segmentSize of [2, 10_000]) {
    eventualJournalContract(`cassandra, segments of ${segmentSize}`, () => open(segmentSize));
    replicatedJournalContract(`cassandra, segments of ${segmentSize}`, () => open(segmentSize));
  }
});
