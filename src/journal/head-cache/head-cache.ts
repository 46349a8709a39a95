import { DeadlineExceededError } from '../../model/errors.ts';
import type { Key } from '../../model/key.ts';
import type { Partition, PartitionOffset, Topic } from '../../model/position.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import { ProgressDeadline } from '../../runtime/progress-deadline.ts';
import { unlessAborted } from '../../runtime/waiting.ts';
import type { CachedHead } from './cached-head.ts';
import { ByteBudget } from './held-records.ts';
import { type CacheAnswer, type Miss, PartitionCache } from './partition-cache.ts';
import {
  type FollowerDeps,
  type FollowerSettings,
  PartitionFollower,
} from './partition-follower.ts';
import { type WatchedCache, WriterWatch } from './writer-watch.ts';

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
  /**
   * Follows the partition no longer, until a read asks about it again: its records are the business
   * of another process.
   */
  leave(topic: Topic, partition: Partition): void;
}

/** The ports stay the caller's; dispose the cache before them. */
export function openHeadCache(deps: FollowerDeps, settings: HeadCacheSettings): HeadCache {
  return new FollowingHeadCache(deps, settings);
}

class FollowingHeadCache implements HeadCache, WatchedCache {
  readonly writers = new WriterWatch(this);
  readonly #deps: FollowerDeps;
  readonly #settings: HeadCacheSettings;
  readonly #budget: ByteBudget;
  readonly #followers = new Map<string, PartitionFollower>();
  /** Of those that are followed no longer and have not ended. */
  readonly #left = new Set<Promise<void>>();
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

  leave(topic: Topic, partition: Partition): void {
    const name = nameOf(topic, partition);
    const follower = this.#followers.get(name);
    if (follower === undefined) return;
    this.#followers.delete(name);
    const left = follower.stop().finally(() => this.#left.delete(left));
    this.#left.add(left);
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

  /** Waits for the answer, for the time limit or the signal. Never rejects. */
  async #answer(
    key: Key,
    end: PartitionOffset,
    signal: AbortSignal | undefined,
  ): Promise<CacheAnswer> {
    if (this.#closed) return { type: 'unknown', miss: 'closed' };
    const { cache } = this.#follow(key.topic, end);
    const now = cache.ask(key.id, end.offset);
    if (now !== undefined) return now;
    this.#waited += 1;
    const answered = new AbortController();
    const over =
      signal === undefined ? answered.signal : AbortSignal.any([answered.signal, signal]);
    let answer: CacheAnswer = { type: 'unknown', miss: 'timeout' };
    const leave = cache.wait(key.id, end.offset, (given) => {
      answer = given;
      answered.abort('answered');
    });
    await this.#deps.clock
      .sleep(this.#settings.getTimeoutMs, { signal: over })
      .catch(() => undefined);
    leave();
    return answer;
  }

  peek(key: Key, partition: Partition): CachedHead | undefined {
    return this.#followers.get(nameOf(key.topic, partition))?.cache.peek(key.id);
  }

  async catchUp(key: Key, partition: Partition, options?: CallOptions): Promise<boolean> {
    const { getTimeoutMs } = this.#settings;
    const onExpiry = (): Error =>
      new DeadlineExceededError(`the log did not name its end within ${getTimeoutMs} ms`);
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

  #follow(topic: Topic, { partition, offset: end }: PartitionOffset): PartitionFollower {
    const name = nameOf(topic, partition);
    const known = this.#followers.get(name);
    if (known !== undefined) {
      known.touch(end);
      return known;
    }
    const limits = { maxIds: this.#settings.maxIds, budget: this.#budget };
    const followed = {
      topic,
      partition,
      end,
      cache: new PartitionCache(partition, limits),
      isWatched: () => this.writers.watches(topic, partition),
    };
    const follower = new PartitionFollower(followed, this.#deps, this.#settings, () => {
      if (this.#followers.get(name) === follower) this.#followers.delete(name);
    });
    this.#followers.set(name, follower);
    return follower;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const followers = [...this.#followers.values()];
    await Promise.all([...followers.map((follower) => follower.stop()), ...this.#left]);
  }
}

function nameOf(topic: Topic, partition: Partition): string {
  return `${partition}:${topic}`;
}

function sum(caches: readonly PartitionCache[], of: (cache: PartitionCache) => number): number {
  return caches.reduce((total, cache) => total + of(cache), 0);
}
