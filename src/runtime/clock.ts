import { onAbort } from './on-abort.ts';

/** Wall clock and timers, passed in so that tests own the time. */
export interface Clock {
  /**
   * Milliseconds since the epoch: for what is stored, or compared with what is. It may be set back
   * or forward at any time.
   */
  nowMs(): number;
  /** Whole milliseconds since some beginning, which only grow, evenly: for time limits. */
  steadyMs(): number;
  /**
   * Resolves after `ms`.
   *
   * @throws the abort reason when `signal` fires first
   */
  sleep(ms: number, options?: SleepOptions): Promise<void>;
}

/** How a sleep may end early. */
export interface SleepOptions {
  readonly signal?: AbortSignal | undefined;
}

/** The time of this machine. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  steadyMs: () => Math.floor(performance.now()),
  sleep(ms, options) {
    const signal = options?.signal;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const timer = setTimeout(() => {
        stopListening();
        resolve();
      }, ms);
      const stopListening = onAbort(signal, (reason) => {
        clearTimeout(timer);
        reject(reason);
      });
    });
  },
};
