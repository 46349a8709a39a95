import { boolean, duration, integer, size } from '../kinds.ts';
import type { SettingReader } from '../setting-reader.ts';

/** What a client keeps in memory of events that are not replicated yet. */
export interface HeadCacheSettings {
  /** Longest time that a read waits for the cache to catch up; then it reads the log. */
  readonly getTimeoutMs: number;
  /** A partition that nobody asks about for so long is no longer followed. */
  readonly expiryMs: number;
  /** Time between two looks at the replicated offset of a partition. */
  readonly removalIntervalMs: number;
  /** Journals with unreplicated events that are kept, a partition. */
  readonly maxIds: number;
  /** Bytes of unreplicated events that are kept, all partitions together. */
  readonly maxBytes: number;
}

const int32 = 0x7fffffff;

/** `undefined` = no head cache. */
export function readHeadCache(reader: SettingReader): HeadCacheSettings | undefined {
  const positive = duration({ min: 1, max: int32 });
  const enabled = reader.read('head-cache.enabled', boolean);
  const settings: HeadCacheSettings = {
    getTimeoutMs: reader.read('head-cache.get-timeout', positive),
    expiryMs: reader.read('head-cache.expiry', positive),
    removalIntervalMs: reader.read('head-cache.removal-interval', positive),
    maxIds: reader.read('head-cache.max-ids', integer({ min: 1, max: int32 })),
    maxBytes: reader.read('head-cache.max-bytes', size()),
  };
  return enabled ? settings : undefined;
}
