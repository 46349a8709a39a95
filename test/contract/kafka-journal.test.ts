import { journalContract } from './journal.contract.ts';
import { readingWays } from './journal-ways.ts';
import { openKafkaWorld } from './journal-worlds.ts';

for (const way of readingWays) {
  const sizes = way === 'by a marker' ? [2] : [1];
  journalContract('Kafka and Cassandra', openKafkaWorld, { sizes, way });
}
