import { isDeepStrictEqual } from 'node:util';
import { type KafkaKey, optionalKafka, readKafka, spelling } from '../keys/kafka-key-spellings.ts';
import {
  boolean,
  duration,
  integer,
  type Kind,
  listOf,
  matching,
  nonEmptyText,
  oneOf,
  size,
  text,
} from '../kinds.ts';
import type { SettingReader } from '../setting-reader.ts';
import { type KafkaSasl, readKafkaSecurity } from './kafka-security.ts';
import type { TlsSettings } from './tls-settings.ts';

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

/** How batches are compressed on their way to Kafka and in it. */
export type Compression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';

/** How records are written: section `producer`. */
export interface KafkaProducerSettings {
  /** -1 = all in-sync replicas, 1 = the leader; 0 is raised to 1. */
  readonly acks: -1 | 1;
  readonly compression: Compression;
  /** From handing a record over to giving up on its acknowledgement. */
  readonly deliveryTimeoutMs: number;
  readonly maxRequestSizeBytes: number;
}

/** How records are read: section `consumer`. */
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

const int32 = 0x7fffffff;
const maxPort = 0xffff;
const positiveDuration = duration({ min: 1, max: int32 });
const hostAndPort = matching(/^(?:\[[0-9a-fA-F:.]+\]|[^\s:,/]+):\d+$/, 'host:port');
const address: typeof hostAndPort = {
  ...hostAndPort,
  read: (value) => {
    const written = hostAndPort.read(value);
    const port = Number(written?.split(':').at(-1));
    return port > 0 && port <= maxPort ? written : undefined;
  },
};

const sharedKeys = {
  bootstrapServers: { name: 'bootstrap-servers', kind: listOf(address) },
  requestTimeoutMs: { name: 'request-timeout', suffix: '.ms', kind: positiveDuration },
  connectionTimeoutMs: {
    name: 'socket-connection-setup-timeout',
    suffix: '.ms',
    kind: positiveDuration,
  },
} as const;

/** Reads a `kafka { … }` section with its `producer`, `consumer` and `topic`. */
export function readKafkaSettings(reader: SettingReader): KafkaSettings {
  const producer = reader.section('producer', 'kafka producer');
  const consumer = reader.section('consumer', 'kafka consumer');
  const clients = { common: reader, producer, consumer };
  // Only for the broker's eyes, so the name of the whole is good enough for both clients.
  const clientId = { name: 'client-id', kind: nonEmptyText } as const;
  for (const client of [producer, consumer]) {
    const used = spelling(client, clientId);
    if (client.config.has(used))
      client.note(used, 'producer and consumer share the client-id of the section above');
  }
  return {
    clientId: readKafka(reader, clientId),
    bootstrapServers: readShared(clients, sharedKeys.bootstrapServers),
    requestTimeoutMs: readShared(clients, sharedKeys.requestTimeoutMs),
    connectionTimeoutMs: readShared(clients, sharedKeys.connectionTimeoutMs),
    ...readKafkaSecurity(reader),
    producer: readProducer(producer),
    consumer: readConsumer(consumer),
    topic: readTopic(reader.section('topic', 'kafka')),
  };
}

interface ClientReaders {
  readonly common: SettingReader;
  readonly producer: SettingReader;
  readonly consumer: SettingReader;
}

/** `producer` and `consumer` may override, but both use one connection, so they have to agree. */
function readShared<T>({ common, producer, consumer }: ClientReaders, key: KafkaKey<T>): T {
  const value = readKafka(common, key);
  const [ofProducer, ofConsumer] = [producer, consumer].map((client) => {
    const hasOwn = client.config.has(spelling(client, key));
    return (hasOwn ? optionalKafka(client, key) : undefined) ?? value;
  });
  if (!isDeepStrictEqual(ofProducer, ofConsumer)) {
    common.problem(
      key.name,
      'must be the same for producer and consumer: they share their connections',
    );
  }
  return ofProducer ?? value;
}

const compression = oneOf('none', 'gzip', 'snappy', 'lz4', 'zstd');

function readProducer(reader: SettingReader): KafkaProducerSettings {
  const acks = readKafka(reader, {
    name: 'acks',
    kind: oneOf('all', '-1', '1', 'one', '0', 'none'),
  });
  // An acknowledgement that says nothing would make every write a guess.
  if (acks === '0' || acks === 'none')
    reader.note('acks', 'raised to 1: a journal needs an answer');
  return {
    acks: acks === 'all' || acks === '-1' ? -1 : 1,
    compression: readKafka(reader, { name: 'compression-type', kind: compression }),
    deliveryTimeoutMs: readKafka(reader, {
      name: 'delivery-timeout',
      suffix: '.ms',
      kind: positiveDuration,
    }),
    maxRequestSizeBytes: readKafka(reader, {
      name: 'max-request-size',
      kind: size({ min: 1, max: int32 }),
    }),
  };
}

const sessionTimeout = { name: 'session-timeout', suffix: '.ms', kind: positiveDuration } as const;
const heartbeatInterval = { ...sessionTimeout, name: 'heartbeat-interval' } as const;

function readConsumer(reader: SettingReader): KafkaConsumerSettings {
  const count: Kind<number> = integer({ min: 1, max: int32 });
  const bytes = size({ min: 1, max: int32 });
  const settings = {
    groupId: readKafka(reader, { name: 'group-id', kind: nonEmptyText }),
    maxPollRecords: readKafka(reader, { name: 'max-poll-records', kind: count }),
    sessionTimeoutMs: readKafka(reader, sessionTimeout),
    heartbeatIntervalMs: readKafka(reader, heartbeatInterval),
    maxPollIntervalMs: readKafka(reader, {
      name: 'max-poll-interval',
      suffix: '.ms',
      kind: positiveDuration,
    }),
    fetchMaxWaitMs: readKafka(reader, {
      name: 'fetch-max-wait',
      suffix: '.ms',
      kind: positiveDuration,
    }),
    fetchMinBytes: readKafka(reader, { name: 'fetch-min-bytes', kind: bytes }),
    fetchMaxBytes: readKafka(reader, { name: 'fetch-max-bytes', kind: bytes }),
    maxPartitionFetchBytes: readKafka(reader, { name: 'max-partition-fetch-bytes', kind: bytes }),
  };
  if (settings.heartbeatIntervalMs >= settings.sessionTimeoutMs) {
    reader.clash(
      spelling(reader, heartbeatInterval),
      spelling(reader, sessionTimeout),
      `must be below session-timeout, ${settings.sessionTimeoutMs} ms`,
    );
  }
  return settings;
}

function readTopic(reader: SettingReader): KafkaTopicSettings {
  const brokerDefaultOr = (max: number): Kind<number> => {
    const kind = integer({ min: -1, max });
    return {
      ...kind,
      expected: `an integer from 1 to ${max}, or -1 for the broker's default`,
      read: (value) => kind.read(value) || undefined,
    };
  };
  return {
    autoCreate: reader.read('auto-create', boolean),
    partitions: reader.read('partitions', brokerDefaultOr(10_000)),
    replicationFactor: reader.read('replication-factor', brokerDefaultOr(32_767)),
    retentionMs: reader.optional('retention', retention),
  };
}

const finite = duration({ min: 1 });

const retention: Kind<number> = {
  ...finite,
  expected: 'a duration such as 7 days, or forever',
  read: (value) => (['forever', '-1'].includes(text.read(value) ?? '') ? -1 : finite.read(value)),
};
