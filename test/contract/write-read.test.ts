import { writeReadLaw } from '../property/write-read/write-read.law.ts';
import { openKafkaWorld, openPostgresWorld } from './journal-worlds.ts';

writeReadLaw('Kafka and Cassandra', openKafkaWorld, { runs: 200, timeoutMs: 120_000 });
writeReadLaw('a log in memory and PostgreSQL', openPostgresWorld, {
  runs: 200,
  timeoutMs: 120_000,
});
