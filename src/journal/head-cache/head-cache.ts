import { DeadlineExceededError } from '../../model/errors.ts';
import type { Key } from '../../model/key.ts';
import type { Partition, PartitionOffset, Topic } from '../../model/position.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type { Clock } from '../../runtime/clock.ts';
import { ProgressDeadline } from '../../runtime/progress-deadline.ts';
import { unlessAborted } from '../../runtime/waiting.ts';
import { ByteBudget } from './held-records.ts';
import { type CacheAnswer, type Miss, PartitionCache } from './partition-cache.ts';
import {
  type FollowerDeps,
  type FollowerSettings,
  PartitionFollower,
} from './partition-follower.ts';
import { WriterWatch } from './writer-watch.ts';

/** From `head-cache` of the configuration. */
export interface HeadCacheSettings extends FollowerSettings {
  /** Longest time that a read waits for the cache to catch up; then it reads the log. */
  readonly getTimeoutMs: number;
  /** Journals with unreplicated records that are kept, a partition. */
  readonly maxIds: number;
  /** Bytes of unreplicated events that are kept, all partitions together. */
  readonly maxBytes: number;
}

/** What the cache has done so far, and what it holds at the moment. */
export interface HeadCacheStats {
  /** Answers with the records, and answers that name where to read them. */
  readonly hits: { readonly held: number; readonly ranges: number };
  readonly misses: Readonly<Record<Miss, number>>;
  /** Answers that had to be waited for. */
  readonly waited: number;
  /** Ranges of the log read because an answer told where. */
  readonly fetches: number;
  readonly partitions: number;
  readonly waiting: number;
  readonly ids: number;
  readonly heldBytes: number;
}

/**
 * The heads of journals by key, without reading the log again: the cache follows the partitions
 * that reads ask about and forgets what was replicated. It changes what a read costs, never what it
 * gives: whatever goes wrong in it is a miss.
 */
export interface HeadCache extends AsyncDisposable {
  readonly stats: HeadCacheStats;
  /** Who writes to the journals that were read through this cache. */
  readonly writers: WriterWatch;
  /**
   * The head of the key up to `end` or a little further; `undefined` when the cache does not know.
   * Follows the partition from now on.
   *
   * @throws only the reason of `options.signal`
   */
  lookup(
    key: Key,
    end: PartitionOffset,
    options?: CallOptions,
  ): Promise<Exclude<CacheAnswer, { type: 'unknown' }> | undefined>;
  /** A range was read because an answer told to. */
  fetched(): void;
}

/** The ports stay the caller's; dispose the cache before them. */
export function openHeadCache(deps: FollowerDeps, settings: HeadCacheSettings): HeadCache {
  return new FollowingHeadCache(deps, settings);
}

class FollowingHeadCache implements HeadCache {
  readonly writers = new WriterWatch({
    peek: (key, partition) => this.#followers.get(nameOf(key.topic, partition))?.cache.peek(key.id),
    catchUp: (...call) => this.#catchUp(...call),
  });
  readonly #deps: FollowerDeps;
  readonly #settings: HeadCacheSettings;
  readonly #budget: ByteBudget;
  readonly #followers = new Map<string, PartitionFollower>();
  readonly #hits = { held: 0, ranges: 0 };
  readonly #misses = { limited: 0, undecodable: 0, behind: 0, timeout: 0, failed: 0, closed: 0 };
  #waited = 0;
  #fetches = 0;
  #closed = false;

  constructor(deps: FollowerDeps, settings: HeadCacheSettings) {
    this.#deps = deps;
    this.#settings = settings;
    this.#budget = new ByteBudget(settings.maxBytes);
  }

  get stats(): HeadCacheStats {
    const caches = [...this.#followers.values()].map(({ cache }) => cache);
    return {
      hits: { ...this.#hits },
      misses: { ...this.#misses },
      waited: this.#waited,
      fetches: this.#fetches,
      partitions: caches.length,
      waiting: sum(caches, (cache) => cache.waiting),
      ids: sum(caches, (cache) => cache.ids),
      heldBytes: this.#budget.used,
    };
  }

  fetched(): void {
    this.#fetches += 1;
  }

  async lookup(
    key: Key,
    end: PartitionOffset,
    options?: CallOptions,
  ): Promise<Exclude<CacheAnswer, { type: 'unknown' }> | undefined> {
    options?.signal?.throwIfAborted();
    const answer = await this.#answer(key, end, options?.signal);
    options?.signal?.throwIfAborted();
    if (answer.type === 'unknown') {
      this.#misses[answer.miss] += 1;
      return undefined;
    }
    this.#hits[answer.type] += 1;
    return answer;
  }

  async #answer(
    key: Key,
    end: PartitionOffset,
    signal: AbortSignal | undefined,
  ): Promise<CacheAnswer> {
    if (this.#closed) return { type: 'unknown', miss: 'closed' };
    const { cache } = this.#follow(key.topic, end.partition);
    const now = cache.ask(key.id, end.offset);
    if (now !== undefined) return now;
    this.#waited += 1;
    return await waitFor(
      cache,
      { id: key.id, end },
      {
        signal,
        clock: this.#deps.clock,
        limitMs: this.#settings.getTimeoutMs,
      },
    );
  }

  async #catchUp(key: Key, partition: Partition, options?: CallOptions): Promise<boolean> {
    const { getTimeoutMs } = this.#settings;
    const onExpiry = (): Error =>
      new DeadlineExceededError(`the end of the log was not told within ${getTimeoutMs} ms`);
    const deadline = new ProgressDeadline(getTimeoutMs, onExpiry, options?.signal);
    const { signal } = deadline;
    try {
      const { consumer } = this.#deps;
      const offset = await unlessAborted(
        consumer.endOffset(key.topic, partition, { signal }),
        signal,
      );
      const answer = await this.#answer(key, { partition, offset }, signal);
      return answer.type !== 'unknown';
    } catch {
      options?.signal?.throwIfAborted();
      return false;
    } finally {
      deadline.dispose();
    }
  }

  #follow(topic: Topic, partition: Partition): PartitionFollower {
    const name = nameOf(topic, partition);
    const known = this.#followers.get(name);
    if (known !== undefined) {
      known.touch();
      return known;
    }
    const limits = { maxIds: this.#settings.maxIds, budget: this.#budget };
    const cache = new PartitionCache(partition, limits);
    const onClosed = (): void => {
      this.#followers.delete(name);
    };
    const options = { settings: this.#settings, onClosed };
    const follower = new PartitionFollower({ topic, partition, cache }, this.#deps, options);
    this.#followers.set(name, follower);
    return follower;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#followers.values()].map((follower) => follower.stop()));
  }
}

/** Ends with the answer, the time limit or the signal, whichever is first. Never rejects. */
async function waitFor(
  cache: PartitionCache,
  { id, end }: { readonly id: string; readonly end: PartitionOffset },
  limits: {
    readonly clock: Clock;
    readonly limitMs: number;
    readonly signal: AbortSignal | undefined;
  },
): Promise<CacheAnswer> {
  const answered = new AbortController();
  const { signal } = answered;
  const over = limits.signal === undefined ? signal : AbortSignal.any([signal, limits.signal]);
  let answer: CacheAnswer = { type: 'unknown', miss: 'timeout' };
  const leave = cache.wait(id, end.offset, (given) => {
    answer = given;
    answered.abort();
  });
  await limits.clock.sleep(limits.limitMs, { signal: over }).catch(() => undefined);
  leave();
  return answer;
}

function nameOf(topic: Topic, partition: Partition): string {
  return `${partition}:${topic}`;
}

function sum(caches: readonly PartitionCache[], of: (cache: PartitionCache) => number): number {
  return caches.reduce((total, cache) => total + of(cache), 0);
}
