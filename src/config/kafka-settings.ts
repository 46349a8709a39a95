/** How to reach and use Kafka; resolved from a `kafka { … }` section. */
export interface KafkaSettings {
  readonly clientId: string;
  /** `host:port`, at least one. */
  readonly bootstrapServers: readonly string[];
  readonly requestTimeoutMs: number;
  readonly connectionTimeoutMs: number;
  readonly sasl: KafkaSasl | undefined;
  /** `undefined` = no TLS. */
  readonly tls: TlsSettings | undefined;
  readonly producer: KafkaProducerSettings;
  readonly consumer: KafkaConsumerSettings;
  readonly topic: KafkaTopicSettings;
}

export interface KafkaSasl {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
  readonly username: string;
  readonly password: string;
}

export interface TlsSettings {
  /** PEM texts of the certificate authorities to trust; empty = those of Node. */
  readonly ca: readonly string[];
}

export type Compression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';

export interface KafkaProducerSettings {
  /** -1 = all in-sync replicas, 1 = the leader; 0 is raised to 1. */
  readonly acks: -1 | 1;
  readonly compression: Compression;
  /** From handing a record over to giving up on its acknowledgement. */
  readonly deliveryTimeoutMs: number;
  readonly maxRequestSizeBytes: number;
}

export interface KafkaConsumerSettings {
  /** Prefix of the replicator's group ids: `<groupId>-<topic>`. */
  readonly groupId: string;
  readonly maxPollRecords: number;
  readonly sessionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  /** Longest time between two polls before the group gives the partition away. */
  readonly maxPollIntervalMs: number;
  readonly fetchMaxWaitMs: number;
  readonly fetchMinBytes: number;
  readonly fetchMaxBytes: number;
  readonly maxPartitionFetchBytes: number;
}

/** How topics are made where they may be (ADR 19). */
export interface KafkaTopicSettings {
  readonly autoCreate: boolean;
  readonly partitions: number;
  readonly replicationFactor: number;
  /** `undefined` = the broker's default; -1 = keep for ever. */
  readonly retentionMs: number | undefined;
}
