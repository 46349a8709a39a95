import type { Config } from '../config.ts';
import { boolean, duration, integer, listOf, matching, nonEmptyText, oneOf } from '../kinds.ts';
import { SettingReader } from '../setting-reader.ts';
import { type EventualSettings, readEventualSettings } from './eventual-settings.ts';
import { type KafkaSettings, readKafkaSettings } from './kafka-settings.ts';

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

/** How expired journals are purged. */
export interface PurgeExpiredSettings {
  /** Between two looks for expired journals. */
  readonly intervalMs: number;
  /**
   * From the beginning (UTC) of a journal's day of expiry to its purge: from a day on, that day is
   * over.
   */
  readonly graceMs: number;
  /** Days before the last one purged that are looked at again. At least 1. */
  readonly lookBackDays: number;
  /** Purges produced in a second, over the whole process. */
  readonly perSecond: number;
  /** Purges of one partition under way at one moment. */
  readonly parallelism: number;
}

/** Where the settings of the replicator are. */
export const replicatorPath = 'evolutiongaming.kafka-journal.replicator';

const int32 = 0x7fffffff;
const positiveDuration = duration({ min: 1, max: int32 });
const recordPlace = matching(
  /^[a-zA-Z0-9._-]{1,249}:\d{1,10}:\d{1,16}$/,
  'the place of a record, topic:partition:offset',
);
const dayMs = 86_400_000;
const days = duration({ min: dayMs, max: 36_500 * dayMs });
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

function readPurgeExpired(reader: SettingReader): PurgeExpiredSettings | undefined {
  const key = (name: string): string => `purge-expired.${name}`;
  const isEnabled = reader.read(key('enabled'), boolean);
  const settings = {
    intervalMs: reader.read(key('interval'), positiveDuration),
    graceMs: reader.read(key('grace'), duration({ min: 0, max: 36_500 * dayMs })),
    lookBackDays: Math.ceil(reader.read(key('look-back'), days) / dayMs),
    perSecond: reader.read(key('per-second'), integer({ min: 1, max: 100_000 })),
    parallelism: reader.read(key('parallelism'), integer({ min: 1, max: 1_000 })),
  };
  return isEnabled ? settings : undefined;
}
