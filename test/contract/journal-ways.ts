import {
  type HeadCache,
  type HeadCacheSettings,
  openHeadCache,
} from '../../src/journal/head-cache/head-cache.ts';
import { endByOffset } from '../../src/journal/read/ends.ts';
import { silentLogger } from '../../src/observability/logger.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import type { JournalWorld } from './journal.contract.ts';

/** The ways in which a journal may be read; what it gives is the same. */
export const readingWays = [
  'by a marker',
  'by the end offset',
  'with a cold head cache',
  'with a warm head cache',
  'with a head cache that knows only places',
  'with a head cache whose replicated offset is old, by the end offset',
] as const;

export type ReadingWay = (typeof readingWays)[number];

const settings: HeadCacheSettings = {
  getTimeoutMs: 10_000,
  expiryMs: 600_000,
  removalIntervalMs: 1,
  maxIds: 1_000,
  maxBytes: 1_000_000,
};

/** The same world, read in another way. */
export function readIn(world: JournalWorld, way: ReadingWay): JournalWorld {
  const cache = cacheOf(world, way);
  return {
    ...world,
    readEnd: way.endsWith('by the end offset') ? endByOffset(world.consumer) : undefined,
    headCache: cache,
    async [Symbol.asyncDispose]() {
      await cache?.[Symbol.asyncDispose]();
      await world[Symbol.asyncDispose]();
    },
  };
}

function cacheOf(world: JournalWorld, way: ReadingWay): HeadCache | undefined {
  const open = (changes: Partial<HeadCacheSettings> = {}): HeadCache =>
    openHeadCache({ ...world, log: silentLogger, clock: systemClock }, { ...settings, ...changes });
  if (way === 'with a warm head cache') return open();
  if (way === 'with a cold head cache') return coldCache(open);
  if (way === 'with a head cache that knows only places') return open({ maxBytes: 0 });
  if (way.startsWith('with a head cache whose')) return open({ removalIntervalMs: 600_000 });
  return undefined;
}

/** Knows nothing whenever it is asked, and has to read the partition first. */
function coldCache(open: () => HeadCache): HeadCache {
  const { stats, writers } = open();
  return {
    stats,
    writers,
    async lookup(key, end, options) {
      const cache = open();
      try {
        return await cache.lookup(key, end, options);
      } finally {
        await cache[Symbol.asyncDispose]();
      }
    },
    fetched: () => {},
    leave: () => {},
    [Symbol.asyncDispose]: async () => {},
  };
}
