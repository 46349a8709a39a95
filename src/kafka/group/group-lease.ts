import { Lease, type LeaseOptions, type Moment } from '../../runtime/lease.ts';

/** The timeouts with which the member has joined, and its clock. */
export interface GroupLeaseOptions extends LeaseOptions {
  /** A member that has not joined again this time after a rebalance began is expelled. */
  readonly rebalanceTimeoutMs: number;
}

/**
 * How long a member may believe that its partitions are its own without asking. It is asked before
 * every write. Until a first heartbeat was answered nothing is sure: the answer to the join may
 * have been read late.
 */
export class GroupLease {
  readonly #lease: Lease;
  readonly #rebalanceTimeoutMs: number;
  /** The last good answer before a rebalance began. */
  #rebalanceSince: Moment | undefined;

  constructor(options: GroupLeaseOptions) {
    this.#lease = new Lease(options);
    this.#rebalanceTimeoutMs = options.rebalanceTimeoutMs;
  }

  /** What `confirm` wants: taken before the heartbeat is sent. */
  moment(): Moment {
    return this.#lease.moment();
  }

  /**
   * A heartbeat sent at `sent` was answered by a group that knows the member and its generation.
   *
   * @param answer whether the group is `stable`, or waits for its members to join again
   */
  confirm(sent: Moment, answer: 'stable' | 'rebalancing'): void {
    // Heartbeats on different connections are answered in any order: after a coordinator has moved,
    // the former one may still answer.
    if (sent.steadyMs < this.#lease.confirmed.steadyMs) return;
    if (answer === 'rebalancing') this.#rebalanceSince ??= this.#lease.confirmed;
    // A member that keeps its lease through a rebalance has joined again in time.
    else this.#rebalanceSince = undefined;
    this.#lease.confirm(sent);
  }

  /** True when the group may have expelled the member. */
  get isExpired(): boolean {
    const since = this.#rebalanceSince;
    const isLate = since !== undefined && this.#lease.elapsedMs(since) >= this.#rebalanceTimeoutMs;
    return isLate || this.#lease.isExpired;
  }

  /** Final: the partitions are given back, or belong to others. */
  end(): void {
    this.#lease.end();
  }

  /** Whether the partitions are surely ours. */
  get isHeld(): boolean {
    return this.#lease.isHeld && !this.isExpired;
  }
}
