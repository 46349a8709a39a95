import { CassandraEventualJournal } from '../../src/stores/cassandra/eventual-journal.ts';
import { CassandraReplicatedJournal } from '../../src/stores/cassandra/replicated-journal.ts';
import { setUpCassandra } from '../../src/stores/cassandra/schema/create-schema.ts';
import { openCassandraSession } from '../../src/stores/cassandra/session.ts';
import { cassandraSettings, deps } from '../integration/cassandra/cassandra-server.ts';
import { MortalSession } from '../integration/cassandra/mortal-session.ts';
import { sharedKeyspace } from '../integration/cassandra/shared-keyspace.ts';
import { defectVectorsContract, type VectorStore } from './defect-vectors.contract.ts';

async function open(): Promise<VectorStore> {
  const settings = cassandraSettings(sharedKeyspace(), { segmentSize: 3 });
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
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}

defectVectorsContract('cassandra', open);
