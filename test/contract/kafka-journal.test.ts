import { dropKeyspace, randomKeyspace } from '../integration/cassandra/cassandra-server.ts';
import { journalContract } from './journal.contract.ts';
import { readingWays } from './journal-ways.ts';
import { openKafkaWorldIn } from './journal-worlds.ts';

const keyspace = randomKeyspace();

describe('in one keyspace', () => {
  after(() => dropKeyspace(keyspace));
  for (const way of readingWays) {
    const sizes = way === 'by a marker' ? [2] : [1];
    journalContract('Kafka and Cassandra', () => openKafkaWorldIn(keyspace), { sizes, way });
  }
});
