import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openKafkaAdmin } from '../../src/kafka/kafka-admin.ts';
import { openKafkaActionProducer } from '../../src/kafka/producer/kafka-action-producer.ts';
import { openKafkaActionConsumer } from '../../src/kafka/reader/kafka-action-consumer.ts';
import { Topic } from '../../src/model/position.ts';
import { openCassandraEventualJournal } from '../../src/stores/cassandra/eventual-journal.ts';
import { setUpCassandra } from '../../src/stores/cassandra/schema/create-schema.ts';
import { openPostgresEventualJournal } from '../../src/stores/postgres/eventual-journal.ts';
import { setUpPostgres } from '../../src/stores/postgres/schema/create-schema.ts';
import { openSqliteStore } from '../../src/stores/sqlite/store.ts';
import { cassandraSettings } from '../integration/cassandra/cassandra-server.ts';
import { sharedKeyspace } from '../integration/cassandra/shared-keyspace.ts';
import { createTopic, kafkaSettings, quietDeps } from '../integration/kafka/kafka-fixture.ts';
import {
  dropSchema,
  postgresSettings,
  randomSchema,
} from '../integration/postgres/postgres-server.ts';
import { runReplicator } from '../support/kafka/in-process-replicator.ts';
import { kafkaConfig } from '../support/kafka/kafka-config.ts';
import { requireVariable } from '../support/stack/server-variables.ts';
import type { HoldingWorld } from './holding.contract.ts';

/** Processes that have one file open. */
export async function openSqliteHolding(): Promise<HoldingWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'holding-'));
  const file = join(folder, 'journal.db');
  return {
    open: () => openSqliteStore({ file, partitions: 1, segmentSize: 100 }, quietDeps),
    createTopic: async () => Topic.of(`t-${randomUUID()}`),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

export async function openCassandraHolding(): Promise<ReplicatedWorld> {
  const keyspace = sharedKeyspace();
  const settings = cassandraSettings(keyspace, { segmentSize: 100 });
  await setUpCassandra(settings, quietDeps, { mode: 'create' });
  return await overKafka({
    keyspace,
    openStore: () => openCassandraEventualJournal(settings, quietDeps),
    drop: async () => {},
  });
}

export async function openPostgresHolding(): Promise<ReplicatedWorld> {
  const keyspace = randomSchema();
  const settings = postgresSettings(keyspace);
  await setUpPostgres(settings, quietDeps, { mode: 'create' });
  return await overKafka({
    keyspace,
    postgres: requireVariable('KAFKA_JOURNAL_TEST_POSTGRES'),
    openStore: () => openPostgresEventualJournal(settings, quietDeps),
    drop: () => dropSchema(keyspace),
  });
}

/** With a replicator that can be run in this process. */
export interface ReplicatedWorld extends HoldingWorld {
  replicate(topic: Topic): Promise<AsyncDisposable>;
}

interface StoreOfWorld {
  /** Or schema. */
  readonly keyspace: string;
  /** Its URL when it is the store. */
  readonly postgres?: string;
  readonly openStore: () => ReturnType<typeof openCassandraEventualJournal>;
  readonly drop: () => Promise<void>;
}

async function overKafka(store: StoreOfWorld): Promise<ReplicatedWorld> {
  const kafka = kafkaSettings();
  const admin = await openKafkaAdmin(kafka, quietDeps);
  const { keyspace, postgres } = store;
  return {
    async open() {
      const parts = {
        producer: await openKafkaActionProducer(kafka, quietDeps),
        consumer: await openKafkaActionConsumer(kafka, quietDeps),
        eventual: await store.openStore(),
      };
      return {
        ...parts,
        async [Symbol.asyncDispose]() {
          for (const part of Object.values(parts)) await part[Symbol.asyncDispose]();
        },
      };
    },
    createTopic: () => createTopic(admin, 'holding', 1),
    replicate: (topic) => {
      const cassandra = requireVariable('KAFKA_JOURNAL_TEST_CASSANDRA');
      const [address] = kafka.bootstrapServers;
      const options = { kafka: address as string, cassandra, topic, keyspace, postgres };
      return runReplicator(kafkaConfig(options));
    },
    async [Symbol.asyncDispose]() {
      await admin[Symbol.asyncDispose]();
      await store.drop();
    },
  };
}
