import { createActor } from 'xstate';
import { DataIntegrityError } from '../../model/errors.ts';
import type { Partition, Topic } from '../../model/position.ts';
import type { Logger } from '../../observability/logger.ts';
import type { ActionConsumer } from '../../ports/action-consumer.ts';
import type { EventualJournal } from '../../ports/eventual-journal.ts';
import type { Clock } from '../../runtime/clock.ts';
import { type Backoff, backoffDelayMs } from '../../runtime/retry.ts';
import type { PartitionCache } from './partition-cache.ts';
import { type FollowerEffects, partitionFollowerMachine } from './partition-follower.machine.ts';

/** What a follower works with; it stays the caller's. */
export interface FollowerDeps {
  readonly consumer: Pick<ActionConsumer, 'follow' | 'endOffset'>;
  readonly eventual: Pick<EventualJournal, 'offset'>;
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

const followBackoff: Backoff = { initialMs: 10, maxMs: 1_000 };
const removalBackoff: Backoff = { initialMs: 10, maxMs: 3_000 };

/** Keeps one partition's cache up to date while it is asked; runs the machine of its life. */
export class PartitionFollower {
  readonly cache: PartitionCache;
  readonly #place: { readonly topic: Topic; readonly partition: Partition };
  readonly #deps: FollowerDeps;
  readonly #settings: FollowerSettings;
  readonly #work = new Set<Promise<void>>();
  readonly #actor;
  #askedMs: number;
  /** Somebody asked since the replicated offset was last looked at. */
  #asked = false;

  constructor(
    place: { readonly topic: Topic; readonly partition: Partition; readonly cache: PartitionCache },
    deps: FollowerDeps,
    options: { readonly settings: FollowerSettings; readonly onClosed: () => void },
  ) {
    this.cache = place.cache;
    this.#place = place;
    this.#deps = deps;
    this.#settings = options.settings;
    this.#askedMs = deps.clock.nowMs();
    this.#actor = createActor(partitionFollowerMachine, { input: this.#effects(options.onClosed) });
    this.#actor.start();
  }

  /** Somebody wants to know something of the partition. */
  touch(): void {
    this.#askedMs = this.#deps.clock.nowMs();
    this.#asked = true;
  }

  /** Ends when all work has; those who wait are told. */
  async stop(): Promise<void> {
    this.#actor.send({ type: 'stop' });
    await Promise.allSettled(this.#work);
  }

  #effects(onClosed: () => void): FollowerEffects {
    return {
      readReplicated: (signal) => this.#track(this.#readReplicated(signal)),
      followLog: (signal) => this.#track(this.#followLog(signal)),
      forgetReplicated: (signal) => this.#track(this.#forgetReplicated(signal)),
      awaitIdleness: (signal) => this.#track(this.#awaitIdleness(signal)),
      pause: (failures, signal) => {
        const delayMs = backoffDelayMs(followBackoff, failures, Math.random());
        return this.#track(this.#deps.clock.sleep(delayMs, { signal }));
      },
      reportFailure: (error, failures) => this.#fail(error, failures),
      releaseAll: () => {
        this.cache.close();
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

  async #readReplicated(signal: AbortSignal): Promise<void> {
    const { topic, partition } = this.#place;
    const replicated = await this.#deps.eventual.offset(topic, partition, { signal });
    if (!signal.aborted) this.cache.start(replicated);
  }

  async #followLog(signal: AbortSignal): Promise<void> {
    const { topic, partition } = this.#place;
    const from = this.cache.next;
    if (from === undefined) return;
    const start = { topic, partition, from };
    for await (const batch of this.#deps.consumer.follow(start, { signal })) {
      if (signal.aborted) return;
      this.cache.add(batch);
      this.#actor.send({ type: 'records.seen' });
    }
  }

  /** An older replicated offset is as right as the newest: it only keeps more in memory. */
  async #forgetReplicated(signal: AbortSignal): Promise<void> {
    const { clock, eventual } = this.#deps;
    const { topic, partition } = this.#place;
    for (let failures = 0; ; ) {
      const delayMs = failures === 0 ? 0 : backoffDelayMs(removalBackoff, failures, Math.random());
      await clock.sleep(Math.max(delayMs, this.#settings.removalIntervalMs), { signal });
      if (!(this.#asked || this.cache.keepsSomething)) continue;
      try {
        this.#asked = false;
        const replicated = await eventual.offset(topic, partition, { signal });
        if (replicated !== undefined && !signal.aborted) this.cache.remove(replicated);
        failures = 0;
      } catch {
        signal.throwIfAborted();
        failures += 1;
      }
    }
  }

  async #awaitIdleness(signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    for (;;) {
      const leftMs = this.#askedMs + this.#settings.expiryMs - clock.nowMs();
      if (leftMs <= 0) return;
      await clock.sleep(leftMs, { signal });
    }
  }

  #fail(error: unknown, failures: number): void {
    // Records are missing, or broken: what was seen does not join up with what can be seen next.
    if (error instanceof DataIntegrityError) this.cache.reset();
    this.cache.fail();
    if (failures > 1) return;
    const fields = { ...this.#place, cache: undefined, err: error };
    this.#deps.log.warn(fields, 'the head cache cannot follow its partition; reads go on without');
  }
}
