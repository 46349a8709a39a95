import type { KafkaSettings } from '../../../src/config/settings/kafka-settings.ts';

/** Settings of a client of a fake broker: short times, nothing compressed. */
export function fakeKafkaSettings(
  address: string,
  producer: Partial<KafkaSettings['producer']> = {},
): KafkaSettings {
  return {
    clientId: 'fake',
    bootstrapServers: [address],
    requestTimeoutMs: 2_000,
    connectionTimeoutMs: 1_000,
    sasl: undefined,
    tls: undefined,
    producer: {
      acks: -1,
      compression: 'none',
      deliveryTimeoutMs: 10_000,
      maxRequestSizeBytes: 1_048_576,
      ...producer,
    },
    consumer: {
      groupId: 'fake',
      maxPollRecords: 1_000,
      sessionTimeoutMs: 10_000,
      heartbeatIntervalMs: 200,
      maxPollIntervalMs: 3_000,
      fetchMaxWaitMs: 250,
      fetchMinBytes: 1,
      fetchMaxBytes: 52_428_800,
      maxPartitionFetchBytes: 1_048_576,
    },
    topic: { autoCreate: true, partitions: 1, replicationFactor: 1, retentionMs: undefined },
  };
}
