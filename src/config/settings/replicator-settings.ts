import type { Config } from '../config.ts';
import { duration, integer, listOf, matching, nonEmptyText, oneOf } from '../kinds.ts';
import { SettingReader } from '../setting-reader.ts';
import { type EventualSettings, readEventualSettings } from './eventual-settings.ts';
import { type KafkaSettings, readKafkaSettings } from './kafka-settings.ts';
import { type PurgeExpiredSettings, readPurgeExpired } from './purge-expired-settings.ts';

/** The replicator: section `evolutiongaming.kafka-journal.replicator`. */
export interface ReplicatorSettings {
  /** Topics whose names start with one of these are replicated. */
  readonly topicPrefixes: readonly string[];
  /** Between two looks for new topics. */
  readonly topicDiscoveryIntervalMs: number;
  /** What is known of a key or partition is forgotten so long after its last use. */
  readonly cacheExpireAfterMs: number;
  /** Keys that are replicated at one moment, over all topics of the process. */
  readonly maxKeysInFlight: number;
  readonly quarantine: QuarantineSettings;
  /** `undefined` = expired journals stay. */
  readonly purgeExpired: PurgeExpiredSettings | undefined;
  readonly kafka: KafkaSettings;
  readonly eventual: EventualSettings;
}

/** What is done with records that cannot be decoded (ADR 28). */
export interface QuarantineSettings {
  /** `fail` holds the partition; `skip-and-record` writes the record down and goes on. */
  readonly policy: 'fail' | 'skip-and-record';
  /** Where skipped records are written down: a path. */
  readonly file: string;
  /** `topic:partition:offset` of each record to skip whatever the policy. */
  readonly skip: readonly string[];
}

/** Where the settings of the replicator are. */
export const replicatorPath = 'evolutiongaming.kafka-journal.replicator';

const int32 = 0x7fffffff;
const positiveDuration = duration({ min: 1, max: int32 });
const recordPlace = matching(
  /^[a-zA-Z0-9._-]{1,249}:\d{1,10}:\d{1,16}$/,
  'the place of a record, topic:partition:offset',
);
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
    quarantine: {
      policy: reader.read('quarantine', oneOf('fail', 'skip-and-record')),
      file: reader.read('quarantine-file', nonEmptyText),
      skip: reader.optional('quarantine-skip', listOf(recordPlace)) ?? [],
    },
    purgeExpired: readPurgeExpired(reader),
    kafka: readKafkaSettings(reader.section('kafka', 'kafka')),
    eventual: readEventualSettings(reader),
  });
}
