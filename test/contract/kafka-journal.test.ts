import { openCassandraEventualJournal } from '../../src/cassandra/cassandra-eventual-journal.ts';
import { openCassandraReplicatedJournal } from '../../src/cassandra/cassandra-replicated-journal.ts';
import { setUpCassandra } from '../../src/cassandra/schema/create-schema.ts';
import { openKafkaActionConsumer } from '../../src/kafka/kafka-action-consumer.ts';
import { openKafkaActionProducer } from '../../src/kafka/kafka-action-producer.ts';
import { openKafkaAdmin } from '../../src/kafka/kafka-admin.ts';
import {
  cassandraSettings,
  deps,
  dropKeyspace,
  randomKeyspace,
} from '../integration/cassandra/cassandra-server.ts';
import { createTopic, kafkaSettings } from '../integration/kafka/kafka-fixture.ts';
import { type JournalWorld, journalContract } from './journal.contract.ts';
import { readingWays } from './journal-ways.ts';

async function open(): Promise<JournalWorld> {
  const keyspace = randomKeyspace();
  const cassandra = cassandraSettings(keyspace, { segmentSize: 2 });
  await setUpCassandra(cassandra, deps, { mode: 'create' });
  const kafka = kafkaSettings();
  const admin = await openKafkaAdmin(kafka, deps);
  const parts = {
    producer: await openKafkaActionProducer(kafka, deps),
    consumer: await openKafkaActionConsumer(kafka, deps),
    eventual: await openCassandraEventualJournal(cassandra, deps),
    replicated: await openCassandraReplicatedJournal(cassandra, deps),
  };
  return {
    ...parts,
    createTopic: () => createTopic(admin, 'journal', 1),
    async [Symbol.asyncDispose]() {
      for (const part of [...Object.values(parts), admin]) await part[Symbol.asyncDispose]();
      await dropKeyspace(keyspace);
    },
  };
}

for (const way of readingWays) {
  const sizes = way === 'by a marker' ? [2] : [1];
  journalContract('Kafka and Cassandra', open, { sizes, way });
}
