import { createActor } from 'xstate';
import type { ActionRecord } from '../../model/action.ts';
import { DataIntegrityError } from '../../model/errors.ts';
import { Offset, type Partition, type Topic } from '../../model/position.ts';
import type { Logger } from '../../observability/logger.ts';
import type { ActionConsumer } from '../../ports/action-consumer.ts';
import type { EventualJournal } from '../../ports/eventual-journal.ts';
import type { Clock } from '../../runtime/clock.ts';
import { Occasion } from '../../runtime/occasion.ts';
import { type Backoff, backoffDelayMs } from '../../runtime/retry.ts';
import { learnTenures } from '../learn-tenures.ts';
import type { PartitionCache } from './partition-cache.ts';
import { type FollowerEffects, partitionFollowerMachine } from './partition-follower.machine.ts';

/** What a follower works with; it stays the caller's. */
export interface FollowerDeps {
  readonly consumer: Pick<ActionConsumer, 'follow' | 'endOffset'>;
  readonly eventual: Pick<EventualJournal, 'offset' | 'lastTenure'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** From `head-cache` of the configuration. */
export interface FollowerSettings {
  /** A partition that nobody asks about for so long is no longer followed. */
  readonly expiryMs: number;
  /** Time between two looks at the replicated offset. */
  readonly removalIntervalMs: number;
}

/**
 * A process that only writes would fetch and decode everything that it writes, though no read needs
 * it. So after this time without a read, nothing is fetched until the next one.
 */
const quietMs = 1_000;

const followBackoff: Backoff = { initialMs: 10, maxMs: 1_000 };
const removalBackoff: Backoff = { initialMs: 10, maxMs: 3_000 };

/** A partition, and the cache that is kept up to date with it. */
export interface FollowedPartition {
  readonly topic: Topic;
  readonly partition: Partition;
  readonly cache: PartitionCache;
  /** A writer of this process has to learn what others write, even without reads. */
  readonly isWatched: () => boolean;
  /** The first read asks for the log up to this offset. */
  readonly end: Offset;
}

/** Keeps one partition's cache up to date while it is asked; runs the machine of its life. */
export class PartitionFollower {
  readonly cache: PartitionCache;
  readonly #topic: Topic;
  readonly #partition: Partition;
  readonly #isWatched: () => boolean;
  readonly #deps: FollowerDeps;
  readonly #settings: FollowerSettings;
  readonly #work = new Set<Promise<void>>();
  readonly #actor;
  #askedMs: number;
  #askedUpTo: Offset;
  /** Somebody asked since the replicated offset was last looked at. */
  #asked = false;
  readonly #asking = new Occasion();

  /** @param onClosed called once, when the partition is no longer followed */
  constructor(
    { topic, partition, cache, isWatched, end }: FollowedPartition,
    deps: FollowerDeps,
    settings: FollowerSettings,
    onClosed: () => void,
  ) {
    this.cache = cache;
    this.#topic = topic;
    this.#partition = partition;
    this.#isWatched = isWatched;
    this.#deps = deps;
    this.#settings = settings;
    this.#askedMs = deps.clock.steadyMs();
    this.#askedUpTo = end;
    this.#actor = createActor(partitionFollowerMachine, { input: this.#effects(onClosed) });
    this.#actor.start();
  }

  /** Somebody wants to know something of the partition, as it is at `end` or later. */
  touch(end: Offset): void {
    this.#askedUpTo = Offset.of(Math.max(this.#askedUpTo, end));
    this.#askedMs = this.#deps.clock.steadyMs();
    this.#asked = true;
    this.#asking.fire();
  }

  /** Answers those who wait, and ends when all work has. Never rejects. */
  async stop(): Promise<void> {
    this.#actor.send({ type: 'stop' });
    await Promise.allSettled(this.#work);
  }

  /** What the states of the machine do. */
  #effects(onClosed: () => void): FollowerEffects {
    const { cache } = this;
    const { clock, eventual, log } = this.#deps;
    const place = { topic: this.#topic, partition: this.#partition };
    const readReplicated = async (signal: AbortSignal): Promise<void> => {
      const replicated = await eventual.offset(place.topic, place.partition, { signal });
      if (!signal.aborted) cache.start(replicated);
    };
    const awaitIdleness = async (signal: AbortSignal): Promise<void> => {
      for (;;) {
        const leftMs = this.#askedMs + this.#settings.expiryMs - clock.steadyMs();
        if (leftMs <= 0) return;
        await clock.sleep(leftMs, { signal });
      }
    };
    return {
      readReplicated: (signal) => this.#track(readReplicated(signal)),
      followLog: (signal) => this.#track(this.#followLog(signal)),
      forgetReplicated: (signal) => this.#track(this.#forgetReplicated(signal)),
      awaitIdleness: (signal) => this.#track(awaitIdleness(signal)),
      pause: (failures, signal) => {
        const delayMs = backoffDelayMs(followBackoff, failures, Math.random());
        return this.#track(clock.sleep(delayMs, { signal }));
      },
      reportFailure: (error, failures) => {
        // Records are missing, or broken: what was seen does not join up with what comes next.
        if (error instanceof DataIntegrityError) cache.reset();
        cache.fail();
        if (failures > 1) return;
        const message = 'the head cache cannot follow its partition; reads go on without';
        log.warn({ ...place, err: error }, message);
      },
      releaseAll: () => {
        cache.close();
        onClosed();
      },
    };
  }

  #track(work: Promise<void>): Promise<void> {
    const settled = work.then(
      () => undefined,
      () => undefined,
    );
    this.#work.add(settled);
    settled.then(
      () => this.#work.delete(settled),
      () => undefined,
    );
    return work;
  }

  async #followLog(signal: AbortSignal): Promise<void> {
    for (;;) {
      const from = this.cache.next;
      if (from === undefined) return;
      const start = { topic: this.#topic, partition: this.#partition, from };
      for await (const batch of this.#deps.consumer.follow(start, { signal })) {
        await this.#learnTenures(batch.records, signal);
        if (signal.aborted) return;
        this.cache.add(batch);
        this.#actor.send({ type: 'records.seen' });
        if (this.#isQuiet) break;
      }
      // What is replicated by the next read is never fetched: the cache goes on after it.
      if (this.#isQuiet) await this.#asking.wait(signal);
    }
  }

  get #isQuiet(): boolean {
    const hasSeen = (this.cache.next ?? Offset.min) >= this.#askedUpTo;
    return hasSeen && this.#deps.clock.steadyMs() - this.#askedMs >= quietMs && !this.#isWatched();
  }

  /**
   * The replicated offset may pass what the cache has seen meanwhile: then what was asked is old.
   */
  async #learnTenures(records: readonly ActionRecord[], signal: AbortSignal): Promise<void> {
    const place = { topic: this.#topic, partition: this.#partition };
    for (;;) {
      const after = this.cache.tenures;
      const from = this.cache.next ?? Offset.min;
      const first = records.findIndex(({ at }) => at.offset >= from);
      if (first === -1) return;
      const asked = { records: first === 0 ? records : records.slice(first), signal };
      await learnTenures(this.#deps.eventual, place, after, asked);
      if (this.cache.tenures === after) return;
    }
  }

  /** An older replicated offset is as right as the newest: it only keeps more in memory. */
  async #forgetReplicated(signal: AbortSignal): Promise<void> {
    const { clock, eventual } = this.#deps;
    for (let failures = 0; ; ) {
      const delayMs = failures === 0 ? 0 : backoffDelayMs(removalBackoff, failures, Math.random());
      await clock.sleep(Math.max(delayMs, this.#settings.removalIntervalMs), { signal });
      if (!(this.#asked || this.cache.keepsSomething)) continue;
      try {
        this.#asked = false;
        const replicated = await eventual.offset(this.#topic, this.#partition, { signal });
        if (replicated !== undefined && !signal.aborted) this.cache.remove(replicated);
        failures = 0;
      } catch {
        signal.throwIfAborted();
        failures += 1;
      }
    }
  }
}
