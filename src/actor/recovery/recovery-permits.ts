import { onAbort } from '../../runtime/on-abort.ts';
import { Queue } from '../../runtime/queue.ts';

/** Lets at most `limit` recoveries run at once, first come first served. */
export class RecoveryPermits {
  readonly #limit: number;
  readonly #waiting = new Queue<Waiter>();
  #held = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Resolves, when it is the caller's turn, with the function that gives the permit back; calling
   * that twice does no harm. Rejects with `signal.reason`, and the caller loses its place.
   */
  acquire(signal: AbortSignal): Promise<() => void> {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (this.#held < this.#limit) return Promise.resolve(this.#grant());
    const { promise, resolve, reject } = Promise.withResolvers<() => void>();
    const waiter: Waiter = { abandoned: false, grant: resolve, release: () => {} };
    waiter.release = onAbort(signal, (reason) => {
      waiter.abandoned = true;
      reject(reason);
    });
    this.#waiting.push(waiter);
    return promise;
  }

  #grant(): () => void {
    this.#held++;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#held--;
      for (let waiter = this.#waiting.shift(); waiter; waiter = this.#waiting.shift()) {
        if (waiter.abandoned) continue;
        waiter.release();
        waiter.grant(this.#grant());
        return;
      }
    };
  }
}

interface Waiter {
  abandoned: boolean;
  readonly grant: (release: () => void) => void;
  release: () => void;
}
