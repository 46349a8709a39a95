import { type CassandraSettings, readCassandraSettings } from './cassandra-settings.ts';
import type { Config } from './config.ts';
import { type KafkaSettings, readKafkaSettings } from './kafka-settings.ts';
import { duration, integer, listOf, matching } from './kinds.ts';
import { SettingReader } from './setting-reader.ts';

/** The replicator: section `evolutiongaming.kafka-journal.replicator`. */
export interface ReplicatorSettings {
  /** Topics whose names start with one of these are replicated. */
  readonly topicPrefixes: readonly string[];
  /** Between two looks for new topics. */
  readonly topicDiscoveryIntervalMs: number;
  /** What is known of a key or partition is forgotten so long after its last use. */
  readonly cacheExpireAfterMs: number;
  /** Keys that are replicated at one moment. */
  readonly maxKeysInFlight: number;
  readonly kafka: KafkaSettings;
  readonly cassandra: CassandraSettings;
}

export const replicatorPath = 'evolutiongaming.kafka-journal.replicator';

const int32 = 0x7fffffff;
const positiveDuration = duration({ min: 1, max: int32 });
const prefix = matching(/^[a-zA-Z0-9._-]{1,249}$/, 'the beginning of a Kafka topic name');

/** @throws {ConfigError} with all problems of the section */
export function readReplicatorSettings(config: Config): ReplicatorSettings {
  const reader = new SettingReader(
    config.sectionOver(replicatorPath, replicatorPath),
    'replicator',
  );
  return reader.finish({
    topicPrefixes: reader.read('topic-prefixes', listOf(prefix)),
    topicDiscoveryIntervalMs: reader.read('topic-discovery-interval', positiveDuration),
    cacheExpireAfterMs: reader.read('cache-expire-after', positiveDuration),
    maxKeysInFlight: reader.read('max-keys-in-flight', integer({ min: 1, max: 10_000 })),
    kafka: readKafkaSettings(reader.section('kafka', 'kafka')),
    cassandra: readCassandraSettings(reader.section('cassandra', 'cassandra')),
  });
}
