import { onAbort } from '../../runtime/on-abort.ts';
import { Queue } from '../../runtime/queue.ts';

/** Gives a permit back; calling it twice does no harm. */
type Release = () => void;

/** The place of one recovery in the line. */
export interface PlaceInLine {
  /** Rejects with the reason of the signal, and the place is lost. */
  readonly granted: Promise<Release>;
  /** Somebody waits for the recovery from now on. */
  hurry(): void;
}

/**
 * If those that somebody waits for always came first, an overload of commands would keep timers
 * from ever firing. So one permit out of this many goes to the recovery that has waited longest.
 */
const oneInOrder = 4;

/**
 * Lets at most `limit` recoveries run at once. After a partition has moved, thousands may recover
 * to fire a timer or to go on with work; an asker after them would wait until its time is over. So
 * those that somebody waits for come first, in the order in which that became known.
 */
export class RecoveryPermits {
  readonly #limit: number;
  /** All that wait. Those that are over stay until their turn comes. */
  readonly #line = new Queue<Waiter>();
  /** Those of them that somebody waits for, or has waited for. */
  readonly #hurried = new Queue<Waiter>();
  #held = 0;
  #grants = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * @param isAwaited whether somebody waits for the recovery; asked when its turn could come, since
   *   an asker may have given up by then
   */
  enter(signal: AbortSignal, isAwaited: () => boolean): PlaceInLine {
    if (signal.aborted) return { granted: Promise.reject(signal.reason), hurry: () => {} };
    if (this.#held < this.#limit) {
      return { granted: Promise.resolve(this.#grant()), hurry: () => {} };
    }
    const { promise, resolve, reject } = Promise.withResolvers<Release>();
    const waiter: Waiter = { state: 'waits', isAwaited, grant: resolve, forget: () => {} };
    waiter.forget = onAbort(signal, (reason) => {
      waiter.state = 'over';
      reject(reason);
    });
    this.#line.push(waiter);
    const hurry = (): void => {
      if (waiter.state !== 'waits') return;
      waiter.state = 'hurried';
      this.#hurried.push(waiter);
    };
    if (isAwaited()) hurry();
    return { granted: promise, hurry };
  }

  #grant(): Release {
    this.#held++;
    this.#grants++;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#held--;
      const isInOrder = this.#grants % oneInOrder === 0;
      const next = (isInOrder ? undefined : this.#nextAwaited()) ?? this.#nextInOrder();
      if (next === undefined) return;
      next.state = 'over';
      next.forget();
      next.grant(this.#grant());
    };
  }

  #nextAwaited(): Waiter | undefined {
    for (let next = this.#hurried.shift(); next; next = this.#hurried.shift()) {
      if (next.state === 'over') continue;
      if (next.isAwaited()) return next;
      next.state = 'waits';
    }
    return undefined;
  }

  #nextInOrder(): Waiter | undefined {
    let next = this.#line.shift();
    while (next?.state === 'over') next = this.#line.shift();
    return next;
  }
}

interface Waiter {
  /** `over`: it has got its permit, or has given up. */
  state: 'waits' | 'hurried' | 'over';
  readonly isAwaited: () => boolean;
  readonly grant: (release: Release) => void;
  forget: () => void;
}
