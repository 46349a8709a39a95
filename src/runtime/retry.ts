import type { Clock } from './clock.ts';

/** Delays of `initialMs`, doubled up to `maxMs`, each with jitter over its upper half. */
export interface Backoff {
  readonly initialMs: number;
  readonly maxMs: number;
}

/** How `retry` tries, and how often. */
export interface RetryOptions {
  readonly backoff: Backoff;
  /** Tries in all, the first included. */
  readonly attempts: number;
  readonly clock: Clock;
  /** 0 <= value < 1; decides the jitter. */
  readonly random: () => number;
  readonly retryable: (error: unknown) => boolean;
  /** Called with each failure that will be retried. */
  readonly onRetry?: (error: unknown, attempt: number, delayMs: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The delay after failure number `attempt` (1-based): between half the exponential step and all of
 * it.
 */
export function backoffDelayMs(backoff: Backoff, attempt: number, random: number): number {
  const step = Math.min(backoff.maxMs, backoff.initialMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(step * (0.5 + random / 2));
}

/**
 * Calls `run` until it succeeds, fails for good, or the attempts are used up.
 *
 * @throws what the last attempt failed with
 * @throws the abort reason when `signal` fires between two attempts
 */
export async function retry<T>(run: () => Promise<T>, options: RetryOptions): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    options.signal?.throwIfAborted();
    try {
      return await run();
    } catch (error) {
      if (attempt >= options.attempts || !options.retryable(error)) throw error;
      const delayMs = backoffDelayMs(options.backoff, attempt, options.random());
      options.onRetry?.(error, attempt, delayMs);
      await options.clock.sleep(delayMs, { signal: options.signal });
    }
  }
}
