import { DeadlineExceededError } from '../../model/errors.ts';
import type { Offset, Partition } from '../../model/position.ts';
import type { TopicSubscriber } from '../../ports/topic-consumer.ts';
import type { GroupMembership } from '../driver/group-membership.ts';
import type { LogCluster, OffsetRange } from '../log-cluster.ts';
import { AssignedPartition, type Blockage } from './assigned-partition.ts';
import { GroupFetcher, missingRecords } from './group-fetcher.ts';
import { heartbeats } from './group-heartbeats.ts';
import { GroupLease } from './group-lease.ts';

/** Why a member's time with its partitions ended. */
export type SessionEnd =
  /** The group shares out its partitions anew: join again. */
  | { readonly type: 'rebalance' }
  /** The group went on without this member: what it had belongs to others. */
  | { readonly type: 'lost' }
  | { readonly type: 'stopped' }
  | { readonly type: 'failed'; readonly error: unknown };

export interface SessionParts {
  readonly cluster: LogCluster;
  readonly membership: GroupMembership;
  readonly topic: string;
}

/** The first offset that a subscriber wants; `undefined` = the oldest kept. */
interface WantedStart {
  readonly partition: Partition;
  readonly wanted: Offset | undefined;
}

interface StartedPartition {
  readonly assigned: AssignedPartition;
  /** Set when the log does not have the offset that is wanted. */
  readonly missing: Blockage | undefined;
}

/** Chunks of a partition that are fetched ahead while its subscriber is busy. */
const chunksAhead = 2;

/** How often the number of partitions is compared with what the group shared out. */
const partitionCheckMs = 30_000;

/**
 * A member between joining and the next rebalance: assigned → fetching → draining → revoked or
 * lost. Heartbeats go on through all of it, whatever the subscriber does.
 */
export class GroupSession {
  readonly #parts: SessionParts;
  readonly #subscriber: TopicSubscriber;
  readonly #numbers: readonly Partition[];
  readonly #partitions = new Map<number, AssignedPartition>();
  readonly #fetcher: GroupFetcher;
  readonly #ended = Promise.withResolvers<void>();
  /** Fires with the end: nothing is asked of the log for the partitions any more. */
  readonly #ending = new AbortController();
  /** Partitions whose `assigned` was called: only those are given back. */
  readonly #told = new Set<Partition>();
  /** Partitions whose subscriber never answered: a call must not overlap another. */
  readonly #stuck = new Set<Partition>();
  /** Settles with the first heartbeat that was answered. */
  readonly #confirmed = Promise.withResolvers<void>();
  readonly #lease: GroupLease;
  #isDisowned = false;
  #end: SessionEnd | undefined;
  /** Fires when the last partition was given back. */
  readonly #over = new AbortController();
  #checkedMs: number;

  constructor(parts: SessionParts, subscriber: TopicSubscriber, partitions: readonly Partition[]) {
    this.#parts = parts;
    this.#subscriber = subscriber;
    this.#numbers = partitions;
    this.#fetcher = new GroupFetcher(parts.cluster, parts.topic, this.#partitions);
    this.#checkedMs = parts.cluster.deps.clock.nowMs();
    const { sessionTimeoutMs, maxPollIntervalMs } = parts.cluster.settings.consumer;
    this.#lease = new GroupLease({ sessionTimeoutMs, rebalanceTimeoutMs: maxPollIntervalMs });
  }

  /** Whether commits of this member still count. */
  get isMember(): boolean {
    return !this.#over.signal.aborted && this.#end?.type !== 'lost';
  }

  /**
   * Whether the partitions are surely still ours. A process that stood still finds out here, before
   * its timers do, and the session ends as lost.
   */
  readonly #isOwned = (): boolean => {
    if (!this.#isDisowned && this.#lease.isHeld) return true;
    this.#lose();
    return false;
  };

  #lose(): void {
    this.#isDisowned = true;
    this.#finish({ type: 'lost' });
  }

  /** Ends after every partition was given back, with the reason; never rejects. */
  async run(signal: AbortSignal): Promise<SessionEnd> {
    const { cluster, membership } = this.#parts;
    const stop = (): void => this.#finish({ type: 'stopped' });
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    const beating = heartbeats(cluster, membership, {
      isOver: () => this.#over.signal.aborted || this.#end?.type === 'lost',
      over: this.#over.signal,
      lease: this.#lease,
      events: {
        onRebalance: () => this.#finish({ type: 'rebalance' }),
        onLost: () => this.#lose(),
        onBeat: (nowMs) => {
          if (this.#lease.isHeld) this.#confirmed.resolve();
          return this.#check(nowMs);
        },
      },
    });
    try {
      await this.#consume();
      await this.#ended.promise;
      await this.#giveBack();
    } catch (error) {
      this.#finish({ type: 'failed', error });
      await this.#giveBack().catch(() => undefined);
    }
    this.#isDisowned = true;
    this.#over.abort('over');
    signal.removeEventListener('abort', stop);
    await beating;
    return this.#end ?? { type: 'stopped' };
  }

  /**
   * The first reason counts, except that being lost is graver than a rebalance or a stop, and
   * failing graver than a rebalance.
   */
  #finish(end: SessionEnd): void {
    const before = this.#end?.type;
    const isGraver =
      (end.type === 'lost' && (before === 'rebalance' || before === 'stopped')) ||
      (end.type === 'failed' && before === 'rebalance');
    if (before === undefined || isGraver) this.#end = end;
    this.#fetcher.stop();
    this.#ending.abort('ending');
    this.#ended.resolve();
  }

  /** All partitions are assigned before the first record of any is fetched. */
  async #consume(): Promise<void> {
    const answers = await Promise.allSettled(this.#numbers.map((number) => this.#wanted(number)));
    for (const answer of answers) if (answer.status === 'rejected') throw answer.reason;
    const starts = answers.map((answer) =>
      answer.status === 'fulfilled' ? this.#start(answer.value) : Promise.reject(answer.reason),
    );
    const starting = Promise.all(starts);
    // Nobody waits for a log that does not answer when the partitions are given back anyway.
    starting.catch(() => undefined);
    const confirmed = this.#confirmed.promise.then(() => starting);
    const started = await Promise.race([confirmed, this.#ended.promise]);
    if (started === undefined || this.#end !== undefined) return;
    for (const { assigned } of started) this.#partitions.set(assigned.partition, assigned);
    for (const { assigned, missing } of started) if (missing !== undefined) assigned.block(missing);
    void this.#fetcher.run().catch((error: unknown) => this.#finish({ type: 'failed', error }));
  }

  async #wanted(partition: Partition): Promise<WantedStart> {
    this.#told.add(partition);
    const { cluster, topic } = this.#parts;
    const partitions = cluster.driver.findTopicPartitionMetadata(topic).length;
    return { partition, wanted: await this.#subscriber.assigned(partition, { partitions }) };
  }

  async #start({ partition, wanted }: WantedStart): Promise<StartedPartition> {
    const { cluster, topic } = this.#parts;
    const range = await this.#rangeOf(partition);
    const offset = wanted ?? range.start;
    const missing = missingRecords({ topic, partition, offset }, range);
    const { clock, log } = cluster.deps;
    log.debug({ topic, partition, offset }, 'partition assigned');
    const { maxPollRecords: sliceRecords, maxPartitionFetchBytes } = cluster.settings.consumer;
    const aheadBytes = chunksAhead * maxPartitionFetchBytes;
    const start = { partition, offset, topic, sliceRecords, aheadBytes };
    const assigned = new AssignedPartition(start, this.#subscriber, {
      onRoom: () => this.#fetcher.wake(),
      onError: (error) => this.#finish({ type: 'failed', error }),
      nowMs: () => clock.nowMs(),
      isOwned: this.#isOwned,
    });
    return { assigned, missing };
  }

  #rangeOf(partition: number): Promise<OffsetRange> {
    const { cluster, topic } = this.#parts;
    const place = { topic, right: 'READ', signal: this.#ending.signal } as const;
    return cluster.retrying(place, () => cluster.offsetRange(topic, partition));
  }

  /** Watches what nobody else does: a subscriber that hangs, and partitions that were added. */
  async #check(nowMs: number): Promise<void> {
    const { cluster, topic } = this.#parts;
    const limitMs = cluster.settings.consumer.maxPollIntervalMs;
    for (const { partition, callSinceMs } of this.#partitions.values()) {
      if (callSinceMs === undefined || nowMs - callSinceMs < limitMs) continue;
      if (this.#subscriber.isHeld?.(partition)) continue;
      this.#stuck.add(partition);
      const text = `records of ${topic}:${partition} were not worked off within ${limitMs} ms`;
      this.#finish({ type: 'failed', error: new DeadlineExceededError(text) });
    }
    if (nowMs - this.#checkedMs < partitionCheckMs) return;
    this.#checkedMs = nowMs;
    const before = cluster.driver.findTopicPartitionMetadata(topic).length;
    await cluster.driver.refreshMetadata().catch(() => undefined);
    const after = cluster.driver.findTopicPartitionMetadata(topic).length;
    if (after !== before) this.#finish({ type: 'rebalance' });
  }

  /** Lets the work in hand settle, then tells the subscriber that the partitions are gone. */
  async #giveBack(): Promise<void> {
    this.#fetcher.stop();
    const drains = [...this.#partitions.values()]
      .filter(({ partition }) => !this.#stuck.has(partition))
      .map((partition) => this.#drained(partition));
    await Promise.all(drains);
    const partitions = [...this.#told].filter((partition) => !this.#stuck.has(partition));
    const calls = partitions.map((partition) =>
      this.#end?.type === 'lost'
        ? this.#subscriber.lost(partition)
        : this.#subscriber.revoked(partition),
    );
    const settled = await Promise.allSettled(calls);
    for (const call of settled) if (call.status === 'rejected') throw call.reason;
  }

  /**
   * A subscriber that hangs is found by the check, which makes it `stuck`: no longer waited for.
   */
  async #drained(partition: AssignedPartition): Promise<void> {
    const { clock } = this.#parts.cluster.deps;
    const stop = new AbortController();
    const stuck = (async () => {
      while (!this.#stuck.has(partition.partition))
        await clock.sleep(stuckPollMs, { signal: stop.signal });
    })().catch(() => undefined);
    await Promise.race([partition.drain(), stuck]);
    stop.abort('drained');
  }
}

const stuckPollMs = 100;
