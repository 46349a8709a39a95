import { Config } from '../config.ts';
import { boolean, duration, integer, nonEmptyText, oneOf, text } from '../kinds.ts';
import { SettingReader } from '../setting-reader.ts';
import { readEventAdapters } from './event-adapter-settings.ts';
import { type EventualSettings, readEventualSettings } from './eventual-settings.ts';
import { type FleetSettings, readFleet } from './fleet-settings.ts';
import { type HeadCacheSettings, readHeadCache } from './head-cache-settings.ts';
import { embeddedJournalPath, inMemoryJournalPath, kafkaJournalPath } from './journal-class.ts';
import { type KafkaSettings, readKafkaSettings } from './kafka-settings.ts';
import {
  type PersistenceIdToKeySettings,
  readPersistenceIdToKey,
} from './persistence-id-to-key-settings.ts';
import {
  fallbackPaths,
  readJournalHost,
  readRecoveryEventTimeout,
} from './plugin-host-settings.ts';
import { type PurgeExpiredSettings, readEmbeddedPurgeExpired } from './purge-expired-settings.ts';
import { readTenures, type TenureSettings } from './tenure-settings.ts';

/** The Kafka journal plugin: section `evolutiongaming.kafka-journal.persistence.journal`. */
export interface KafkaJournalSettings {
  readonly persistenceIdToKey: PersistenceIdToKeySettings;
  readonly startTimeoutMs: number;
  /** Events put in one record when several atomic writes are grouped; at most 0 = no limit. */
  readonly maxEventsInBatch: number;
  readonly callTimeThresholdsMs: CallTimeThresholds;
  readonly dataIntegrity: DataIntegritySettings;
  /** Longest time a recovery may take to read its journal. */
  readonly readTimeoutMs: number;
  /** How a read finds its end: by a mark that it writes, or by the end offset of the partition. */
  readonly readEnd: 'marker' | 'end-offset';
  /** `undefined` = no head cache. */
  readonly headCache: HeadCacheSettings | undefined;
  /** `undefined` = nothing is held. */
  readonly tenures: TenureSettings | undefined;
  /** `undefined` = the process shares its entities with no other. */
  readonly fleet: FleetSettings | undefined;
  readonly kafka: KafkaSettings;
  readonly eventual: EventualSettings;
}

/** The embedded journal plugin: section `evolutiongaming.kafka-journal.embedded.journal`. */
export interface EmbeddedJournalSettings {
  readonly persistenceIdToKey: PersistenceIdToKeySettings;
  /** Path, relative to the working directory, or `:memory:`. */
  readonly file: string;
  readonly maxEventsInBatch: number;
  readonly callTimeThresholdsMs: CallTimeThresholds;
  readonly dataIntegrity: DataIntegritySettings;
  readonly segmentSize: number;
  readonly partitions: number;
  readonly readTimeoutMs: number;
  /** `undefined` = nothing is held. */
  readonly tenures: TenureSettings | undefined;
  /** `undefined` = the process shares its entities with no other. */
  readonly fleet: FleetSettings | undefined;
  /** `undefined` = expired journals stay. */
  readonly purgeExpired: PurgeExpiredSettings | undefined;
}

/** A call that took at least so long is logged as a warning. */
export interface CallTimeThresholds {
  readonly append: number;
  readonly read: number;
  readonly pointer: number;
  readonly delete: number;
  readonly purge: number;
  readonly mark: number;
}

/** What a read does about stored records that break a rule: section `data-integrity`. */
export interface DataIntegritySettings {
  /** Conflicting records fail the read (true) or lose whole and are reported (false). */
  readonly seqNrUniqueness: boolean;
  /**
   * Rows that name no generation are dropped (true) or delivered (false) when the journal names
   * one. Rows of another generation than the journal's are always dropped.
   */
  readonly correlateEventsWithMeta: boolean;
  /** A missing number between two events fails the read or is logged. */
  readonly gaps: 'fail' | 'warn';
}

const int32 = 0x7fffffff;
const positiveDuration = duration({ min: 1, max: int32 });

/**
 * Reads a section of the Kafka journal plugin, over the defaults of {@link kafkaJournalPath}.
 *
 * @throws {ConfigError} with all problems of the section
 */
export function readKafkaJournalSettings(
  config: Config,
  path: string = kafkaJournalPath,
): KafkaJournalSettings {
  const reader = new SettingReader(config.sectionOver(path, kafkaJournalPath), 'journal plugin');
  const common = readCommon(reader, placeOf(config, path));
  const settings: KafkaJournalSettings = {
    ...common,
    startTimeoutMs: reader.read('start-timeout', positiveDuration),
    readEnd: reader.read('read-end', oneOf('marker', 'end-offset')),
    headCache: readHeadCache(reader),
    kafka: readKafkaSettings(reader.section('kafka', 'kafka')),
    eventual: readEventualSettings(reader),
  };
  if (settings.kafka.producer.acks === -1) return reader.finish(settings);
  if (settings.readEnd === 'end-offset') {
    const why = 'what only the leader has acknowledged may be at or after the end offset';
    reader.problem('read-end', `end-offset needs kafka.producer.acks = all: ${why}`);
  }
  // A leader that fails takes with it what only it has: an opening mark that is lost would make
  // every record that names it an error for all readers.
  if (settings.tenures !== undefined) {
    reader.note('tenures', 'needs kafka.producer.acks = all; without it nothing is held');
  }
  if (settings.fleet !== undefined) {
    reader.problem('fleet.enabled', 'needs kafka.producer.acks = all, as tenures do');
  }
  return reader.finish({ ...settings, tenures: undefined });
}

/**
 * Reads a section of the embedded journal plugin, over the defaults of {@link embeddedJournalPath}.
 *
 * @throws {ConfigError} with all problems of the section
 */
export function readEmbeddedJournalSettings(
  config: Config,
  path: string = embeddedJournalPath,
): EmbeddedJournalSettings {
  const reader = new SettingReader(config.sectionOver(path, embeddedJournalPath), 'embedded');
  return reader.finish({
    ...readCommon(reader, placeOf(config, path)),
    file: reader.read('file', nonEmptyText),
    segmentSize: reader.read('segment-size', integer({ min: 2, max: int32 })),
    partitions: reader.read('partitions', integer({ min: 1, max: 10_000 })),
    purgeExpired: readEmbeddedPurgeExpired(reader),
  });
}

/** The journal in memory: section `akka.persistence.journal.inmem`. */
export interface InMemoryJournalSettings {
  /** Events are written down and read again. */
  readonly testSerialization: boolean;
  readonly delayWritesMs: number;
}

/**
 * Reads a section of the journal in memory, over the defaults of {@link inMemoryJournalPath}.
 *
 * @throws {ConfigError} with all problems of the section
 */
export function readInMemoryJournalSettings(
  config: Config,
  path: string = inMemoryJournalPath,
): InMemoryJournalSettings {
  const reader = new SettingReader(config.sectionOver(path, inMemoryJournalPath), 'in memory');
  const { fallback } = placeOf(config, path);
  reader.optional('class', text);
  readJournalHost(reader, fallback);
  readEventAdapters(reader, fallback);
  readRecoveryEventTimeout(reader, fallback);
  return reader.finish({
    testSerialization: reader.read('test-serialization', boolean),
    delayWritesMs: reader.read('delay-writes', duration({ min: 0, max: int32 })),
  });
}

type CommonSettings = Pick<
  KafkaJournalSettings,
  | 'persistenceIdToKey'
  | 'maxEventsInBatch'
  | 'callTimeThresholdsMs'
  | 'dataIntegrity'
  | 'readTimeoutMs'
  | 'tenures'
  | 'fleet'
>;

interface SectionPlace {
  /** The section without the defaults that `sectionOver` lays under one of the user's naming. */
  readonly written: Config;
  /** What is laid under all journals. */
  readonly fallback: Config;
}

function placeOf(config: Config, path: string): SectionPlace {
  const written = config.has(path) ? config.section(path) : Config.empty();
  return { written, fallback: config.section(fallbackPaths.journal) };
}

function readCommon(reader: SettingReader, place: SectionPlace): CommonSettings {
  const { written, fallback } = place;
  reader.optional('class', text);
  // The host of the plugin and the actors use them, see plugin-host-settings.ts; here they are
  // checked.
  readJournalHost(reader, fallback);
  readEventAdapters(reader, fallback);
  readRecoveryEventTimeout(reader, fallback);
  const threshold = (call: string): number =>
    reader.read(`call-time-thresholds.${call}`, duration());
  return {
    persistenceIdToKey: readPersistenceIdToKey(reader, written),
    maxEventsInBatch: reader.read('max-events-in-batch', integer({ min: -int32, max: int32 })),
    callTimeThresholdsMs: {
      append: threshold('append'),
      read: threshold('read'),
      pointer: threshold('pointer'),
      delete: threshold('delete'),
      purge: threshold('purge'),
      mark: threshold('mark'),
    },
    dataIntegrity: {
      seqNrUniqueness: reader.read('data-integrity.seq-nr-uniqueness', boolean),
      correlateEventsWithMeta: reader.read('data-integrity.correlate-events-with-meta', boolean),
      gaps: reader.read('data-integrity.gaps', oneOf('warn', 'fail')),
    },
    readTimeoutMs: reader.read('read-timeout', positiveDuration),
    ...readProcesses(reader),
  };
}

/** How the journals are shared with other processes. */
function readProcesses(reader: SettingReader): Pick<CommonSettings, 'tenures' | 'fleet'> {
  const tenures = readTenures(reader);
  const fleet = readFleet(reader);
  if (fleet !== undefined && tenures === undefined) {
    reader.problem('fleet.enabled', 'needs tenures = on: an owner is one who holds the tenure');
  }
  return { tenures, fleet };
}
