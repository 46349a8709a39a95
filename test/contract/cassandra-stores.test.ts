import { openCassandraEventualJournal } from '../../src/stores/cassandra/eventual-journal.ts';
import { openCassandraReplicatedJournal } from '../../src/stores/cassandra/replicated-journal.ts';
import { setUpCassandra } from '../../src/stores/cassandra/schema/create-schema.ts';
import {
  cassandraSettings,
  deps,
  dropKeyspace,
  randomKeyspace,
} from '../integration/cassandra/cassandra-server.ts';
import { eventualJournalContract } from './eventual-journal.contract.ts';
import { replicatedJournalContract } from './replicated-journal.contract.ts';
import type { ReplicatedStore } from './replicated-store.ts';

const keyspace = randomKeyspace();

async function open(segmentSize: number): Promise<ReplicatedStore> {
  const settings = cassandraSettings(keyspace, { segmentSize });
  await setUpCassandra(settings, deps, { mode: 'create' });
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
  after(() => dropKeyspace(keyspace));
  for (const segmentSize of [2, 10_000]) {
    eventualJournalContract(`cassandra, segments of ${segmentSize}`, () => open(segmentSize));
    replicatedJournalContract(`cassandra, segments of ${segmentSize}`, () => open(segmentSize));
  }
});
