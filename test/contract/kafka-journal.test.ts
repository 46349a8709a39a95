import { journalContract } from './journal.contract.ts';
import { openKafkaWorld } from './journal-worlds.ts';

// The other ways differ in what is made of the records; SQLite has all of them.
journalContract('Kafka and Cassandra', openKafkaWorld, { sizes: [2], way: 'by a marker' });
journalContract('Kafka and Cassandra', openKafkaWorld, {
  sizes: [1],
  way: 'with a warm head cache',
});
journalContract('Kafka and Cassandra', openKafkaWorld, {
  sizes: [1],
  way: 'with a head cache whose replicated offset is old, by the end offset',
});
