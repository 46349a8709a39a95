import { randomUUID } from 'node:crypto';
import kafkajs from 'kafkajs';
import type { KafkaSettings } from '../../../src/config/settings/kafka-settings.ts';
import type { KafkaAdmin } from '../../../src/kafka/kafka-admin.ts';
import type { Offset, Partition } from '../../../src/model/position.ts';
import { Topic } from '../../../src/model/position.ts';
import { silentLogger } from '../../../src/observability/logger.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { requireVariable } from '../../support/stack/server-variables.ts';

/** Address of the broker to test against. */
export function brokerAddress(): string {
  return requireVariable('KAFKA_JOURNAL_TEST_KAFKA');
}

export const quietDeps = { log: silentLogger, clock: systemClock };

/** Settings of a test client: short times, everything else as in production. */
export function kafkaSettings(changes: Partial<KafkaSettings> = {}): KafkaSettings {
  return {
    clientId: 'kafka-journal-test',
    bootstrapServers: [brokerAddress()],
    requestTimeoutMs: 15_000,
    connectionTimeoutMs: 3_000,
    sasl: undefined,
    tls: undefined,
    producer: {
      acks: -1,
      compression: 'lz4',
      deliveryTimeoutMs: 30_000,
      maxRequestSizeBytes: 1_048_576,
    },
    consumer: {
      groupId: `test-${randomUUID()}`,
      maxPollRecords: 1_000,
      sessionTimeoutMs: 10_000,
      heartbeatIntervalMs: 200,
      maxPollIntervalMs: 30_000,
      fetchMaxWaitMs: 250,
      fetchMinBytes: 1,
      fetchMaxBytes: 52_428_800,
      maxPartitionFetchBytes: 1_048_576,
    },
    topic: { autoCreate: true, partitions: 4, replicationFactor: 1, retentionMs: undefined },
    ...changes,
  };
}

/**
 * Creates a topic of a name that nobody else uses. It keeps records for ever: test records carry
 * timestamps of 2023, which the retention of a broker's defaults deletes at its next check.
 */
export async function createTopic(
  admin: KafkaAdmin,
  name: string,
  partitions: number,
): Promise<Topic> {
  const topic = Topic.of(`${name}-${randomUUID()}`);
  await admin.ensureTopic(topic, { ...kafkaSettings().topic, partitions, retentionMs: -1 });
  return topic;
}

/** The plain driver, for what an operator or a foreign client does. */
export function plainKafka(): kafkajs.Kafka {
  return new kafkajs.Kafka({ brokers: [brokerAddress()], logLevel: kafkajs.logLevel.NOTHING });
}

/** Deletes a topic with all its records. */
export async function deleteTopic(topic: string): Promise<void> {
  const admin = plainKafka().admin();
  await admin.connect();
  await admin.deleteTopics({ topics: [topic], timeout: 10_000 });
  await admin.disconnect();
}

/** Makes `offset` the first one kept. */
export async function deleteBefore(
  topic: string,
  partition: Partition,
  offset: Offset,
): Promise<void> {
  const admin = plainKafka().admin();
  await admin.connect();
  await admin.fetchTopicOffsets(topic);
  await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(offset) }] });
  await admin.disconnect();
}
