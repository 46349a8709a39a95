import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Config } from '../config/config.ts';
import { canonicalPath } from '../config/keys/pekko-alias.ts';
import { readConfig } from '../config/load-config.ts';
import { readAllTogether } from '../config/read-together.ts';
import { problemAt } from '../config/settings/class-name.ts';
import type { FleetSettings } from '../config/settings/fleet-settings.ts';
import {
  defaultJournalOf,
  embeddedJournalPath,
  journalClassOf,
  kafkaJournalPath,
} from '../config/settings/journal-class.ts';
import {
  type EmbeddedJournalSettings,
  type KafkaJournalSettings,
  readEmbeddedJournalSettings,
  readKafkaJournalSettings,
} from '../config/settings/journal-settings.ts';
import {
  fallbackPaths,
  hostOf,
  type JournalHostSettings,
  readJournalHost,
} from '../config/settings/plugin-host-settings.ts';
import { type HeadCacheStats, openHeadCache } from '../journal/head-cache/head-cache.ts';
import { TenureHolder } from '../journal/holding/tenure-holder.ts';
import { createJournals, type Journals } from '../journal/journals.ts';
import { endByOffset } from '../journal/read/ends.ts';
import { ClosedError, ConfigError, type JournalError } from '../model/errors.ts';
import type { Key } from '../model/key.ts';
import type { OptionNames } from '../model/option-names.ts';
import type { Topic } from '../model/position.ts';
import type { WakeUpPlace } from '../model/wake-up.ts';
import { type Logger, silentLogger, unfailing } from '../observability/logger.ts';
import { type OwnKeyMappingDeps, openOwnKeyMapping } from '../plugin/own-key-mapping.ts';
import { type KeyMapping, keyMappingOf, onlyTopicOf } from '../plugin/persistence-id-to-key.ts';
import type { CallOptions } from '../ports/call-options.ts';
import { systemClock } from '../runtime/clock.ts';
import { boundedPages } from './bounded-pages.ts';
import { checkOptions } from './check-options.ts';
import { noteIgnoredKeys } from './note-ignored-keys.ts';
import { openEmbeddedStores } from './open-embedded-stores.ts';
import { openKafkaStores } from './open-kafka-stores.ts';
import type { OpenDeps, Stores } from './stores.ts';
import { WakeEntities } from './wake-entities.ts';

/** Journals with all that they hold open; the caller closes them. */
export interface OpenJournals extends Journals, AsyncDisposable {
  readonly keyOf: (persistenceId: string) => Key;
  /** Events put in one record when several atomic writes are grouped; at most 0 = no limit. */
  readonly maxEventsInBatch: number;
  /** What the head cache did and holds; `undefined` without one. */
  readonly headCacheStats: () => HeadCacheStats | undefined;
}

/** Where the configuration comes from, and which journal of it is meant. */
export interface OpenJournalsOptions {
  /** Path of an `application.conf`; read over the shipped `reference.conf`. */
  readonly file?: string | undefined;
  /** HOCON text, instead of a file or laid over it; its problems are those of `config text`. */
  readonly config?: string | undefined;
  /** Section of the journal; that of `akka.persistence.journal.plugin` unless given. */
  readonly plugin?: string | undefined;
  /** Where log lines go; nowhere unless given. pino fits as it is; `consoleLogger` prints. */
  readonly log?: Logger | undefined;
}

const optionNames: OptionNames<OpenJournalsOptions> = {
  file: true,
  config: true,
  plugin: true,
  log: true,
};

/**
 * Opens journals for use without actors: to append, read, delete, purge or mark by key. Settings of
 * the section that have no effect are logged once.
 *
 * @throws {ConfigError} all problems of the section, before anything is opened
 * @throws {InvalidInputError} an option is of the wrong kind
 * @throws {LogUnavailableError} {@link StoreUnavailableError} not reachable within `start-timeout`
 * @throws {NotSetUpError} a topic or table is missing and may not be created
 */
export async function openJournals(options: OpenJournalsOptions): Promise<OpenJournals> {
  checkOptions(options, optionNames, 'openJournals()');
  const { config, checkKeys } = readConfig({
    ...(options.file === undefined ? {} : { file: options.file }),
    ...(options.config === undefined ? {} : { text: options.config }),
  });
  const pathOf = (): string => {
    return options.plugin === undefined ? defaultJournalOf(config) : canonicalPath(options.plugin);
  };
  const unused = new AbortController();
  const log = unfailing(options.log ?? silentLogger);
  const deps = { log, clock: systemClock, unused: unused.signal };
  try {
    const [, { ownKeys }] = await readAllTogether<[unknown, JournalsAsWritten]>(checkKeys, () =>
      readJournals(config, pathOf(), deps),
    );
    const { journals } = await openSection(config, pathOf(), { ...deps, ownKeys });
    return {
      ...journals,
      async [Symbol.asyncDispose]() {
        try {
          await journals[Symbol.asyncDispose]();
        } finally {
          unused.abort(new ClosedError('the journals are closed'));
        }
      },
    };
  } catch (error) {
    unused.abort(error);
    throw error;
  }
}

/** What a section of journals says, before anything is opened. */
export interface JournalsAsWritten {
  readonly settings: EmbeddedJournalSettings | KafkaJournalSettings;
  /** What maps their persistence ids, where that is the export of a module. */
  readonly ownKeys: KeyMapping | undefined;
}

/** @throws {ConfigError} as {@link journalSettingsOf} and {@link openOwnKeyMapping}, together */
export async function readJournals(
  config: Config,
  path: string,
  deps: OwnKeyMappingDeps,
): Promise<JournalsAsWritten> {
  type Read = [JournalsAsWritten['settings'], JournalsAsWritten['ownKeys']];
  const [settings, ownKeys] = await readAllTogether<Read>(
    () => journalSettingsOf(config, path),
    () => openOwnKeyMapping(config, path, deps),
  );
  return { settings, ownKeys };
}

/** A section of journals with what it says of its fleet. */
export interface OpenSection {
  readonly journals: OpenJournals;
  /** `undefined` = the process shares its entities with no other. */
  readonly fleet: FleetSettings | undefined;
  /** The one topic of all journals; `undefined` = the persistence id names it. */
  readonly topic: Topic | undefined;
  readonly joinFleet: Stores['joinFleet'];
  /** The failure that keeps writes waiting for their answer; `undefined` = none. */
  readonly trouble: () => JournalError | undefined;
  /** What is around the journals when actors use them. */
  readonly host: JournalHostSettings;
  /** `undefined` = entities sleep until they are spoken to. */
  readonly waking: WakeEntities | undefined;
  /** Another process of the fleet has the partition from now on. */
  readonly leave: (place: WakeUpPlace) => void;
}

/** Opens the journals that the section at `path` describes; errors as {@link openJournals}. */
export async function openSection(
  config: Config,
  path: string,
  { signal, ...deps }: OpenDeps & CallOptions & Pick<JournalsAsWritten, 'ownKeys'>,
): Promise<OpenSection> {
  const written = journalSettingsOf(config, path);
  const host = hostSettingsOf(config, path, written);
  noteIgnoredKeys(config, deps.log);
  if ('kafka' in written) warnOfEarlyTimeout(path, host, written, deps.log);
  const settings = 'kafka' in written ? boundedPages(written, host.replayBatchSize) : written;
  const stores = await ('file' in settings
    ? openEmbeddedStores(settings, deps)
    : openKafkaStores(settings, { ...deps, signal }));
  // One file has no other writers than ours, and looking at its end costs nothing: no marks there.
  // Its replicator follows at once, so that a head cache would hold nothing.
  const byOffset = 'file' in settings || settings.readEnd === 'end-offset';
  const readEnd = byOffset ? endByOffset(stores.consumer) : undefined;
  const cacheSettings = 'file' in settings ? undefined : settings.headCache;
  const headCache = cacheSettings && openHeadCache({ ...stores, ...deps }, cacheSettings);
  const own = { origin: hostname(), randomUuid: randomUUID };
  const readDeps = { ...stores, settings, ...deps, ...own, headCache, readEnd };
  const { tenures: holding, readTimeoutMs: limitMs } = settings;
  // The others reach this process from then on when it joins its fleet.
  let address: string | undefined;
  const holder = { holder: randomUUID(), address: () => address, random: Math.random };
  const { persistenceIdToKey: mapping, fleet } = settings;
  const { keyOf, persistenceIdsOf } = keyMappingOf(mapping, deps.ownKeys);
  const hasFleet = fleet !== undefined;
  const tenures =
    holding && new TenureHolder({ ...readDeps, ...holder, holding, hasFleet, limitMs });
  const journals: OpenJournals = {
    ...createJournals({ ...readDeps, tenures }, settings.callTimeThresholdsMs),
    keyOf,
    maxEventsInBatch: settings.maxEventsInBatch,
    headCacheStats: () => headCache?.stats,
    async [Symbol.asyncDispose]() {
      tenures?.close();
      await headCache?.[Symbol.asyncDispose]();
      await stores[Symbol.asyncDispose]();
    },
  };
  const topic = onlyTopicOf(mapping);
  const { wakeUps } = stores.eventual;
  const waking =
    holding?.wakeUp && persistenceIdsOf
      ? new WakeEntities({
          ...stores,
          ...deps,
          tenures: tenures as TenureHolder,
          wakeUps,
          persistenceIdsOf,
          random: Math.random,
        })
      : undefined;
  const leave = (place: WakeUpPlace): void => headCache?.leave(place.topic, place.partition);
  const joinFleet: OpenSection['joinFleet'] = (member, fleetSettings) => {
    address = member.address;
    return stores.joinFleet(member, fleetSettings);
  };
  const trouble = () => stores.producer.trouble;
  return { journals, fleet, topic, waking, leave, joinFleet, trouble, host };
}

function hostSettingsOf(
  config: Config,
  path: string,
  settings: EmbeddedJournalSettings | KafkaJournalSettings,
): JournalHostSettings {
  const defaults = 'kafka' in settings ? kafkaJournalPath : embeddedJournalPath;
  const fallback = config.section(fallbackPaths.journal);
  return hostOf(config.sectionOver(path, defaults), fallback, readJournalHost);
}

/** Otherwise writes fail that are only late, and the breaker opens. */
function warnOfEarlyTimeout(
  journal: string,
  { breaker: { callTimeoutMs } }: JournalHostSettings,
  { kafka }: KafkaJournalSettings,
  log: Logger,
): void {
  const { deliveryTimeoutMs } = kafka.producer;
  if (callTimeoutMs > deliveryTimeoutMs) return;
  const text = 'circuit-breaker.call-timeout should be longer than kafka.producer.delivery-timeout';
  log.warn({ journal, callTimeoutMs, deliveryTimeoutMs }, text);
}

/** @throws {ConfigError} all problems of the section, or it is of a journal without `Journals` */
export function journalSettingsOf(
  config: Config,
  path: string,
): EmbeddedJournalSettings | KafkaJournalSettings {
  const journal = journalClassOf(config, path);
  const builtin = journal.type === 'builtin' ? journal.value : undefined;
  if (builtin === 'embedded') return readEmbeddedJournalSettings(config, path);
  if (builtin === 'kafka') return readKafkaJournalSettings(config, path);
  const known = '"builtin#KafkaJournal" and "builtin#EmbeddedJournal"';
  const message = `is of a journal that only actors can use; journals by key have ${known}`;
  throw new ConfigError([problemAt(config, `${path}.class`, message)]);
}
