import { boolean, duration, integer } from '../kinds.ts';
import type { SettingReader } from '../setting-reader.ts';

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

const dayMs = 86_400_000;
const positiveDuration = duration({ min: 1, max: 0x7fffffff });
const days = duration({ min: dayMs, max: 36_500 * dayMs });

/** Reads `purge-expired` of the replicator; `undefined` = expired journals stay. */
export function readPurgeExpired(reader: SettingReader): PurgeExpiredSettings | undefined {
  const { isEnabled, ...times } = readTimes(reader);
  const settings = {
    ...times,
    lookBackDays: Math.ceil(reader.read('purge-expired.look-back', days) / dayMs),
    perSecond: reader.read('purge-expired.per-second', integer({ min: 1, max: 100_000 })),
    parallelism: reader.read('purge-expired.parallelism', integer({ min: 1, max: 1_000 })),
  };
  return isEnabled ? settings : undefined;
}

/** The same of an embedded journal, whose replicator carries over what is written at once. */
export function readEmbeddedPurgeExpired(reader: SettingReader): PurgeExpiredSettings | undefined {
  const { isEnabled, ...times } = readTimes(reader);
  return isEnabled ? { ...times, lookBackDays: 2, perSecond: 100, parallelism: 8 } : undefined;
}

function readTimes(reader: SettingReader) {
  return {
    isEnabled: reader.read('purge-expired.enabled', boolean),
    intervalMs: reader.read('purge-expired.interval', positiveDuration),
    graceMs: reader.read('purge-expired.grace', duration({ min: 0, max: 36_500 * dayMs })),
  };
}
