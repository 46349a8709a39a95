import { DeadlineExceededError } from '../../model/errors.ts';
import type { Offset, Partition } from '../../model/position.ts';
import type { TopicSubscriber } from '../../ports/topic-consumer.ts';
import { onAbort } from '../../runtime/on-abort.ts';
import { aborted, unlessAborted } from '../../runtime/waiting.ts';
import type { GroupMembership } from '../driver/group-membership.ts';
import type { LogCluster } from '../log-cluster.ts';
import { AssignedPartition, type Blockage } from './assigned-partition.ts';
import { GroupFetcher, missingRecords } from './group-fetcher.ts';
import { heartbeats } from './group-heartbeats.ts';
import { GroupLease } from './group-lease.ts';
import { type SessionFact, type SessionState, sessionSteps } from './group-session.machine.ts';

/** Why a member's time with its partitions ended. */
export type SessionEnd =
  /** The group shares out its partitions anew: join again. */
  | { readonly type: 'rebalance' }
  /** The group went on without this member: what it had belongs to others. */
  | { readonly type: 'lost' }
  | { readonly type: 'stopped' }
  | { readonly type: 'failed'; readonly error: unknown };

/** What a session works with; its owner closes them. */
export interface SessionDeps {
  readonly cluster: LogCluster;
  readonly membership: GroupMembership;
  readonly subscriber: TopicSubscriber;
}

/** A partition, and where the log lets it begin. */
interface LocatedPartition {
  readonly assigned: AssignedPartition;
  /** Set when the log does not have the offset that is wanted. */
  readonly missing: Blockage | undefined;
}

/** Chunks of a partition that are fetched ahead while its subscriber is busy. */
const chunksAhead = 2;

/** How often the number of partitions is compared with what the group shared out. */
const partitionCheckMs = 30_000;

/**
 * A member between joining and the next rebalance. Which state follows which is said in
 * `group-session.machine.ts`; here the facts are found, and the effects done. Heartbeats go on from
 * the first state to the last, whatever the subscriber does.
 */
export class GroupSession {
  readonly #deps: SessionDeps;
  readonly #topic: string;
  readonly #numbers: readonly Partition[];
  readonly #partitions = new Map<number, AssignedPartition>();
  readonly #fetcher: GroupFetcher;
  readonly #lease: GroupLease;
  /** Fires when fetching stops: nothing is asked of the log for the partitions any more. */
  readonly #ending = new AbortController();
  /** Fires when the last partition was given back. */
  readonly #over = new AbortController();
  #state: SessionState = 'starting';
  /** Why it fails; set with the state `failing`. */
  #error: unknown;
  #located: readonly LocatedPartition[] = [];
  /** How many partitions the topic had when ours were assigned. */
  #count = 0;
  #checkedMs: number;

  readonly #effects = {
    startFetching: () => {
      for (const { assigned, missing } of this.#located) {
        this.#partitions.set(assigned.partition, assigned);
        if (missing !== undefined) assigned.block(missing);
      }
      this.#fetcher.run().catch((error: unknown) => this.#fail(error));
    },
    stopFetching: () => {
      this.#fetcher.stop();
      this.#ending.abort('ending');
    },
    end: () => {
      this.#lease.end();
      this.#over.abort('over');
    },
  };

  constructor(deps: SessionDeps, topic: string, partitions: readonly Partition[]) {
    const { cluster } = deps;
    this.#deps = deps;
    this.#topic = topic;
    this.#numbers = partitions;
    this.#fetcher = new GroupFetcher(cluster, topic, this.#partitions);
    this.#checkedMs = cluster.deps.clock.steadyMs();
    const { sessionTimeoutMs, maxPollIntervalMs } = cluster.settings.consumer;
    this.#lease = new GroupLease({ sessionTimeoutMs, rebalanceTimeoutMs: maxPollIntervalMs });
  }

  /** Whether the group still takes heartbeats and commits of this member. */
  get isMember(): boolean {
    return !(this.#over.signal.aborted || this.#state === 'losing');
  }

  /** Takes the step of a fact. One that means nothing in the present state changes nothing. */
  #learn(fact: SessionFact): void {
    const step = sessionSteps[this.#state][fact];
    if (step === undefined) return;
    this.#state = step.state;
    for (const effect of step.effects) this.#effects[effect]();
  }

  /** The first failure that counts is the one that the session ends with. */
  #fail(error: unknown): void {
    const before = this.#state;
    this.#learn('work.failed');
    if (this.#state === 'failing' && before !== 'failing') this.#error = error;
  }

  #lose(): void {
    this.#lease.end();
    this.#learn('membership.lost');
  }

  /** Ends after every partition was given back, with the reason; never rejects. */
  async run(signal: AbortSignal): Promise<SessionEnd> {
    const { cluster, membership } = this.#deps;
    const stopListening = onAbort(signal, () => this.#learn('stop.requested'));
    const beating = heartbeats(cluster, membership, {
      isOver: () => !this.isMember,
      over: this.#over.signal,
      lease: this.#lease,
      next: 'waits',
      events: {
        onRebalance: () => this.#learn('group.rebalances'),
        onLost: () => this.#lose(),
        onBeat: (steadyMs) => {
          if (this.#lease.isHeld) this.#learn('join.proven');
          this.#check(steadyMs);
        },
      },
    });
    // The subscriber has answered every call of `assigned` before any partition is given back.
    await this.#assign().catch((error: unknown) => this.#fail(error));
    await aborted(this.#ending.signal);
    await this.#giveBack().catch((error: unknown) => this.#fail(error));
    this.#learn('partitions.returned');
    stopListening();
    await beating;
    const end = this.#state;
    if (end === 'failed') return { type: 'failed', error: this.#error };
    return { type: end === 'rebalance' || end === 'lost' ? end : 'stopped' };
  }

  /** Assigns all partitions, and finds where each begins. */
  async #assign(): Promise<void> {
    const { cluster, subscriber } = this.#deps;
    const partitions = cluster.driver.findTopicPartitionMetadata(this.#topic).length;
    this.#count = partitions;
    const answers = await Promise.allSettled(
      this.#numbers.map(async (partition) => {
        const wanted = await subscriber.assigned(partition, { partitions });
        return { partition, wanted };
      }),
    );
    const starts = answers.map((answer) => {
      if (answer.status === 'rejected') throw answer.reason;
      return answer.value;
    });
    const locating = Promise.all(
      starts.map(({ partition, wanted }) => this.#locate(partition, wanted)),
    );
    try {
      this.#located = await unlessAborted(locating, this.#ending.signal);
    } catch (error) {
      // The partitions are given back anyway: a log that does not answer is no failure then.
      if (this.#ending.signal.aborted) return;
      throw error;
    }
    this.#learn('starts.located');
  }

  /** @param wanted the first offset that the subscriber wants; `undefined` = the oldest kept */
  async #locate(partition: Partition, wanted: Offset | undefined): Promise<LocatedPartition> {
    const { cluster, subscriber } = this.#deps;
    const topic = this.#topic;
    const call = { topic, right: 'READ', signal: this.#ending.signal } as const;
    const range = await cluster.retrying(call, () => cluster.offsetRange(topic, partition));
    const offset = wanted ?? range.start;
    const { clock, log } = cluster.deps;
    log.debug({ topic, partition, offset }, 'partition assigned');
    const { maxPollRecords: sliceRecords, maxPartitionFetchBytes } = cluster.settings.consumer;
    const aheadBytes = chunksAhead * maxPartitionFetchBytes;
    const start = { partition, offset, topic, sliceRecords, aheadBytes };
    const assigned = new AssignedPartition(start, subscriber, {
      onRoom: () => this.#fetcher.wake(),
      onError: (error) => this.#fail(error),
      steadyMs: () => clock.steadyMs(),
      isOwned: this.#isOwned,
    });
    return { assigned, missing: missingRecords({ topic, partition, offset }, range) };
  }

  /**
   * Whether the partitions are surely still ours. A process that stood still finds out here, before
   * its timers do, and the session ends as lost.
   */
  readonly #isOwned = (): boolean => {
    if (this.#lease.isHeld) return true;
    this.#lose();
    return false;
  };

  /** After each heartbeat: looks for a subscriber that hangs, and for new partitions. */
  #check(steadyMs: number): void {
    const { cluster, subscriber } = this.#deps;
    const limitMs = cluster.settings.consumer.maxPollIntervalMs;
    for (const assigned of this.#partitions.values()) {
      const { partition, callSinceMs } = assigned;
      if (callSinceMs === undefined || steadyMs - callSinceMs < limitMs) continue;
      if (subscriber.isHeld?.(partition)) continue;
      const text = `records of ${this.#topic}:${partition} were not worked off within ${limitMs} ms`;
      this.#fail(new DeadlineExceededError(text));
      assigned.abandon();
    }
    if (steadyMs - this.#checkedMs < partitionCheckMs) return;
    this.#checkedMs = steadyMs;
    // Not waited for: a broker that is silent would hold up the heartbeats, and lose the member.
    this.#lookForPartitions().catch(() => {});
  }

  async #lookForPartitions(): Promise<void> {
    const { driver } = this.#deps.cluster;
    await driver.refreshMetadata();
    const { length } = driver.findTopicPartitionMetadata(this.#topic);
    // A broker that has just started may not know the topic. If that counted, the group would share
    // out no partition.
    if (length > 0 && length !== this.#count) this.#learn('group.rebalances');
  }

  /**
   * Lets the work in hand settle, then takes the partitions from the subscriber. An abandoned
   * partition is left out: its subscriber has not answered, and a call must not overlap another.
   */
  async #giveBack(): Promise<void> {
    const { subscriber } = this.#deps;
    await Promise.all([...this.#partitions.values()].map((partition) => partition.drain()));
    const calls = this.#numbers
      .filter((partition) => !this.#partitions.get(partition)?.isAbandoned)
      .map((partition) =>
        this.#state === 'losing' ? subscriber.lost(partition) : subscriber.revoked(partition),
      );
    const settled = await Promise.allSettled(calls);
    for (const call of settled) if (call.status === 'rejected') throw call.reason;
  }
}
