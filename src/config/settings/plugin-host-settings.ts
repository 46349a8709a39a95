import { Config } from '../config.ts';
import { canonicalPath } from '../keys/pekko-alias.ts';
import { boolean, duration, integer, type Kind, oneOf } from '../kinds.ts';
import { SettingReader } from '../setting-reader.ts';
import { readFallbackAdapters } from './event-adapter-settings.ts';

/** When a plugin that keeps failing is left alone for a while: section `circuit-breaker`. */
export interface CircuitBreakerSettings {
  /** Failures in a row after which nothing is sent to the plugin any more. */
  readonly maxFailures: number;
  /** A call that takes longer has failed, whatever it answers later. */
  readonly callTimeoutMs: number;
  /** After that time one call tries whether the plugin works again. */
  readonly resetTimeoutMs: number;
}

/** What is done with events of overlapping writers: section `replay-filter`. */
export interface ReplayFilterSettings {
  readonly mode: 'repair-by-discard-old' | 'fail' | 'warn' | 'off';
  /** Events that are held back to see whether a newer writer begins below them. */
  readonly windowSize: number;
  /** Former writers that are remembered. */
  readonly maxOldWriters: number;
  /** Each event that passes is logged. */
  readonly debug: boolean;
}

/** What the host does around a journal. */
export interface JournalHostSettings {
  readonly breaker: CircuitBreakerSettings;
  readonly replayFilter: ReplayFilterSettings;
  /** Events that may be read ahead of what an entity has taken. */
  readonly replayBatchSize: number;
}

/** What the host does around a snapshot store. */
export interface SnapshotHostSettings {
  readonly breaker: CircuitBreakerSettings;
  /** A snapshot that cannot be loaded is left out. */
  readonly isOptional: boolean;
  /** The store keeps one snapshot of an entity. */
  readonly onlyOne: boolean;
}

const journalFallback = 'journal-plugin-fallback';
const snapshotFallback = 'snapshot-store-plugin-fallback';

/** Laid under every section of a journal, and of a snapshot store. */
export const fallbackPaths = {
  journal: `akka.persistence.${journalFallback}`,
  snapshotStore: `akka.persistence.${snapshotFallback}`,
} as const;

const startTimeout = 'start-timeout';
const recoveryEventTimeout = 'recovery-event-timeout';

const int32 = 0x7fffffff;
const count = integer({ min: 1, max: int32 });
const positiveDuration = duration({ min: 1, max: int32 });
const modes = oneOf('repair-by-discard-old', 'fail', 'warn', 'off');

/** Reads a key: from a section, or from what is laid under it. */
type Read = <T>(key: string, kind: Kind<T>) => T;

/**
 * What the host reads of the section of a journal; what that lacks is in the fallback, whose own
 * problems its reader reports. A section may give `null`: then the fallback counts.
 */
export function readJournalHost(reader: SettingReader, fallback: Config): JournalHostSettings {
  return journalHost(over(reader, fallback));
}

/** The same of a section of a snapshot store. */
export function readSnapshotHost(reader: SettingReader, fallback: Config): SnapshotHostSettings {
  return snapshotHost(over(reader, fallback));
}

/** Longest wait for a plugin to be ready, ms. */
export function readStartTimeout(reader: SettingReader, fallback: Config): number {
  return over(reader, fallback)(startTimeout, positiveDuration);
}

/** Longest silence of a journal, or of the snapshot store, during a recovery, ms. */
export function readRecoveryEventTimeout(reader: SettingReader, fallback: Config): number {
  return over(reader, fallback)(recoveryEventTimeout, positiveDuration);
}

/**
 * Longest silence that the section of a journal allows; the fallback counts where there is no
 * section.
 */
export function recoveryEventTimeoutOf(config: Config, path: string | undefined): number {
  const own = path === undefined ? undefined : canonicalPath(path);
  const isThere = own !== undefined && config.has(own);
  const section = isThere ? config.section(own) : Config.empty();
  return hostOf(section, config.section(fallbackPaths.journal), readRecoveryEventTimeout);
}

/** Reads what is laid under the sections of `akka.persistence`: every key has to be there. */
export function readFallbacks(persistence: SettingReader): void {
  const below = (name: string): Read => {
    return (key, kind) => persistence.read(`${name}.${key}`, kind);
  };
  const [journal, snapshotStore] = [below(journalFallback), below(snapshotFallback)];
  journalHost(journal);
  journal(recoveryEventTimeout, positiveDuration);
  snapshotHost(snapshotStore);
  for (const read of [journal, snapshotStore]) read(startTimeout, positiveDuration);
  readFallbackAdapters(persistence, journalFallback);
}

/**
 * What the host does around the plugin of a section. The plugin reads the other keys, so that no
 * key is unknown here.
 *
 * @param section the section over its defaults
 * @throws {ConfigError} all problems of these keys
 */
export function hostOf<T>(
  section: Config,
  fallback: Config,
  read: (reader: SettingReader, fallback: Config) => T,
): T {
  const reader = SettingReader.ofSome(section);
  return reader.finish(read(reader, fallback));
}

function over(reader: SettingReader, fallback: Config): Read {
  return (key, kind) => {
    const own = reader.optional(key, kind);
    if (own !== undefined) return own;
    const value = fallback.value(key);
    return (value && kind.read(value)) ?? kind.placeholder;
  };
}

function journalHost(read: Read): JournalHostSettings {
  return {
    breaker: breaker(read),
    replayFilter: {
      mode: read('replay-filter.mode', modes),
      windowSize: read('replay-filter.window-size', count),
      maxOldWriters: read('replay-filter.max-old-writers', count),
      debug: read('replay-filter.debug', boolean),
    },
    replayBatchSize: read('replay-batch-size', count),
  };
}

function snapshotHost(read: Read): SnapshotHostSettings {
  return {
    breaker: breaker(read),
    isOptional: read('snapshot-is-optional', boolean),
    onlyOne: read('only-one-snapshot', boolean),
  };
}

function breaker(read: Read): CircuitBreakerSettings {
  return {
    maxFailures: read('circuit-breaker.max-failures', count),
    callTimeoutMs: read('circuit-breaker.call-timeout', positiveDuration),
    resetTimeoutMs: read('circuit-breaker.reset-timeout', positiveDuration),
  };
}
