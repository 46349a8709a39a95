/** A moment on both clocks. */
export interface Moment {
  /** Goes on evenly, also while the process stands still. */
  readonly steadyMs: number;
  /** Goes on also while the whole machine is suspended, but may jump. */
  readonly wallMs: number;
}

/** What a lease counts with. */
export interface LeaseOptions {
  /** A member without a sign of life for this time is expelled. */
  readonly sessionTimeoutMs: number;
  readonly now?: () => Moment;
}

/**
 * How long a member may believe that it is one without asking: nobody can have expelled it before
 * the session timeout has passed since the **sending** of the last sign of life that was answered
 * well. A process that was stopped and continued runs on for a while before its timers fire. So the
 * lease is asked, not told.
 */
export class Lease {
  readonly #sessionTimeoutMs: number;
  readonly #now: () => Moment;
  #confirmed: Moment;
  #isConfirmed = false;
  #isEnded = false;

  constructor(options: LeaseOptions) {
    this.#sessionTimeoutMs = options.sessionTimeoutMs;
    const systemNow = () => ({ steadyMs: performance.now(), wallMs: Date.now() });
    this.#now = options.now ?? systemNow;
    this.#confirmed = this.#now();
  }

  /** What `confirm` wants: taken before the sign of life is sent. */
  moment(): Moment {
    return this.#now();
  }

  /** The sign of life sent at `sent` was answered well. */
  confirm(sent: Moment): void {
    this.#confirmed = sent;
    this.#isConfirmed = true;
  }

  /**
   * When the last sign of life was sent that was answered well; at first when the lease was made.
   */
  get confirmed(): Moment {
    return this.#confirmed;
  }

  /** Time since `from`, by the clock that saw more of it pass. */
  elapsedMs(from: Moment): number {
    const to = this.#now();
    return Math.max(to.steadyMs - from.steadyMs, to.wallMs - from.wallMs);
  }

  /** True when the member may have been expelled. */
  get isExpired(): boolean {
    return this.elapsedMs(this.#confirmed) >= this.#sessionTimeoutMs;
  }

  /** Final: the member has left. */
  end(): void {
    this.#isEnded = true;
  }

  /** Whether the member is surely one; false until a first sign of life was answered. */
  get isHeld(): boolean {
    return this.#isConfirmed && !this.#isEnded && !this.isExpired;
  }
}
