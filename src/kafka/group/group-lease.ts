/** A moment on both clocks. */
export interface Moment {
  /** Goes on evenly, also while the process stands still. */
  readonly steadyMs: number;
  /** Goes on also while the whole machine is suspended, but may jump. */
  readonly wallMs: number;
}

/** The timeouts with which the member has joined, and its clock. */
export interface LeaseOptions {
  /** A member without a heartbeat for this time is expelled. */
  readonly sessionTimeoutMs: number;
  /** A member that has not joined again this time after a rebalance began is expelled. */
  readonly rebalanceTimeoutMs: number;
  readonly now?: () => Moment;
}

/**
 * How long a member may believe that its partitions are its own without asking: the group cannot
 * have given them away before the session timeout has passed since the **sending** of the last
 * heartbeat that was answered well. A process that was stopped and continued runs on for a while
 * before its timers fire. So the lease is asked before every write.
 */
export class GroupLease {
  readonly #options: LeaseOptions;
  readonly #now: () => Moment;
  #confirmed: Moment;
  #isConfirmed = false;
  #isEnded = false;
  /** The last good answer before a rebalance began. */
  #rebalanceSince: Moment | undefined;

  constructor(options: LeaseOptions) {
    this.#options = options;
    const systemNow = () => ({ steadyMs: performance.now(), wallMs: Date.now() });
    this.#now = options.now ?? systemNow;
    this.#confirmed = this.#now();
  }

  /** What `confirm` wants: taken before the heartbeat is sent. */
  moment(): Moment {
    return this.#now();
  }

  /**
   * A heartbeat sent at `sent` was answered by a group that knows the member and its generation.
   *
   * @param answer whether the group is `stable`, or waits for its members to join again
   */
  confirm(sent: Moment, answer: 'stable' | 'rebalancing'): void {
    if (answer === 'rebalancing') this.#rebalanceSince ??= this.#confirmed;
    // A member that keeps its lease through a rebalance has joined again in time.
    else this.#rebalanceSince = undefined;
    this.#confirmed = sent;
    this.#isConfirmed = true;
  }

  /** True when the group may have expelled the member. */
  get isExpired(): boolean {
    const { sessionTimeoutMs, rebalanceTimeoutMs } = this.#options;
    const now = this.#now();
    if (elapsedMs(this.#confirmed, now) >= sessionTimeoutMs) return true;
    const since = this.#rebalanceSince;
    return since !== undefined && elapsedMs(since, now) >= rebalanceTimeoutMs;
  }

  /** Final: the partitions are given back, or belong to others. */
  end(): void {
    this.#isEnded = true;
  }

  /**
   * Whether the partitions are surely ours. False until a first heartbeat was answered: the answer
   * to the join may have been read late.
   */
  get isHeld(): boolean {
    return this.#isConfirmed && !this.#isEnded && !this.isExpired;
  }
}

/** By the clock that saw more time pass. */
function elapsedMs(from: Moment, to: Moment): number {
  return Math.max(to.steadyMs - from.steadyMs, to.wallMs - from.wallMs);
}
