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
import { sharedKeyspace } from '../integration/cassandra/shared-keyspace.ts';
import { eventualJournalContract } from './eventual-journal.contract.ts';
import { journalsOfATopicContract } from './journals-of-a-topic.contract.ts';
import {
  replicatedJournalContract,
  replicatedPartitionContract,
} from './replicated-journal.contract.ts';
import type { ReplicatedStore } from './replicated-store.ts';
import { withoutTenureTablesContract } from './tenures.contract.ts';
import { withoutWakeUpTablesContract } from './wake-ups.contract.ts';

const keyspaceOfJvm = randomKeyspace();
const keyspaceOfTenures = randomKeyspace();

const tenureTables = ['tenures', 'tenures_until'];
const wakeUpTables = ['wake_up_keys', 'wake_ups', 'wake_up_buckets', 'wake_ups_until'];

async function open(segmentSize: number): Promise<ReplicatedStore> {
  const settings = cassandraSettings(sharedKeyspace(), { segmentSize });
  await setUpCassandra(settings, deps, { mode: 'create' });
  return await openSides(settings);
}

/** With the tables that another program makes. */
async function openWithout(name: string, tables: readonly string[]): Promise<StoreWithoutTables> {
  const settings = cassandraSettings(name);
  await setUpCassandra(settings, deps, { mode: 'create' });
  const operator = await rawClient();
  for (const table of tables) await operator.execute(`DROP TABLE ${name}.${table}`);
  await operator.shutdown();
  await setUpCassandra(settings, deps, { mode: 'check' });
  return {
    ...(await openSides(settings)),
    makeTables: async () => void (await setUpCassandra(settings, deps, { mode: 'create' })),
  };
}

interface StoreWithoutTables extends ReplicatedStore {
  makeTables(): Promise<void>;
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
    for (const name of [keyspaceOfJvm, keyspaceOfTenures]) await dropKeyspace(name);
  });
  withoutTenureTablesContract('cassandra', () =>
    openWithout(keyspaceOfJvm, [...tenureTables, ...wakeUpTables]),
  );
  withoutWakeUpTablesContract('cassandra', () => openWithout(keyspaceOfTenures, wakeUpTables));
  journalsOfATopicContract('cassandra', () => open(10_000));
  replicatedPartitionContract('cassandra', () => open(10_000));
  // Journals of one segment are those of up to two events.
  eventualJournalContract('cassandra, segments of 2', () => open(2));
  replicatedJournalContract('cassandra, segments of 2', () => open(2));
});
