import { randomUUID } from 'node:crypto';
import { openKafkaAdmin } from '../../src/kafka/kafka-admin.ts';
import { openKafkaActionProducer } from '../../src/kafka/producer/kafka-action-producer.ts';
import { openKafkaActionConsumer } from '../../src/kafka/reader/kafka-action-consumer.ts';
import { Topic } from '../../src/model/position.ts';
import { silentLogger } from '../../src/observability/logger.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openCassandraEventualJournal } from '../../src/stores/cassandra/eventual-journal.ts';
import { openCassandraReplicatedJournal } from '../../src/stores/cassandra/replicated-journal.ts';
import { setUpCassandra } from '../../src/stores/cassandra/schema/create-schema.ts';
import { openPostgresEventualJournal } from '../../src/stores/postgres/eventual-journal.ts';
import { openPostgresReplicatedJournal } from '../../src/stores/postgres/replicated-journal.ts';
import { setUpPostgres } from '../../src/stores/postgres/schema/create-schema.ts';
import { openSqliteStore } from '../../src/stores/sqlite/store.ts';
import { cassandraSettings } from '../integration/cassandra/cassandra-server.ts';
import { sharedKeyspace } from '../integration/cassandra/shared-keyspace.ts';
import { createTopic, kafkaSettings } from '../integration/kafka/kafka-fixture.ts';
import {
  dropSchema,
  postgresSettings,
  randomSchema,
} from '../integration/postgres/postgres-server.ts';
import type { JournalWorld } from './journal.contract.ts';

const deps = { log: silentLogger, clock: systemClock };

export async function openSqliteWorld(): Promise<JournalWorld> {
  const store = await openSqliteStore({ file: ':memory:', partitions: 1, segmentSize: 2 }, deps);
  const createTopic = async (): Promise<Topic> => Topic.of(`t-${randomUUID()}`);
  const { producer, consumer, eventual, replicated } = store;
  const dispose = (): Promise<void> => store[Symbol.asyncDispose]();
  return { producer, consumer, eventual, replicated, createTopic, [Symbol.asyncDispose]: dispose };
}

/** The log in memory, the store in PostgreSQL. */
export async function openPostgresWorld(): Promise<JournalWorld> {
  const schema = randomSchema();
  const settings = postgresSettings(schema);
  await setUpPostgres(settings, deps, { mode: 'create' });
  const log = await openSqliteStore({ file: ':memory:', partitions: 1, segmentSize: 2 }, deps);
  const eventual = await openPostgresEventualJournal(settings, deps);
  const replicated = await openPostgresReplicatedJournal(settings, deps);
  const { producer, consumer } = log;
  return {
    producer,
    consumer,
    eventual,
    replicated,
    createTopic: async () => Topic.of(`t-${randomUUID()}`),
    async [Symbol.asyncDispose]() {
      for (const part of [replicated, eventual, log]) await part[Symbol.asyncDispose]();
      await dropSchema(schema);
    },
  };
}

export async function openKafkaWorld(): Promise<JournalWorld> {
  const cassandra = cassandraSettings(sharedKeyspace(), { segmentSize: 2 });
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
    },
  };
}
