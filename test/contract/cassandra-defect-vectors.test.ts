import { CassandraEventualJournal } from '../../src/stores/cassandra/eventual-journal.ts';
import { CassandraReplicatedJournal } from '../../src/stores/cassandra/replicated-journal.ts';
import { setUpCassandra } from '../../src/stores/cassandra/schema/create-schema.ts';
import { openCassandraSession } from '../../src/stores/cassandra/session.ts';
import {
  cassandraSettings,
  deps,
  dropKeyspace,
  randomKeyspace,
} from '../integration/cassandra/cassandra-server.ts';
import { MortalSession } from '../integration/cassandra/mortal-session.ts';
import { defectVectorsContract, type VectorStore } from './defect-vectors.contract.ts';

async function open(): Promise<VectorStore> {
  const keyspace = randomKeyspace();
  const settings = cassandraSettings(keyspace, { segmentSize: 3 });
  await setUpCassandra(settings, deps, { mode: 'create' });
  const session = await openCassandraSession(settings, deps);
  return {
    eventual: new CassandraEventualJournal(session, settings),
    replicated: new CassandraReplicatedJournal(session, settings),
    mortal(deathAt) {
      const mortal = new MortalSession(session, deathAt);
      const replicated = new CassandraReplicatedJournal(mortal, settings);
      return { replicated, isDead: () => mortal.isDead };
    },
    async [Symbol.asyncDispose]() {
      await session[Symbol.asyncDispose]();
      await dropKeyspace(keyspace);
    },
  };
}

defectVectorsContract('cassandra', open);
