import type { Logger } from '../../observability/logger.ts';
import type { Clock } from '../../runtime/clock.ts';
import { retry } from '../../runtime/retry.ts';
import { unlessAborted } from '../../runtime/waiting.ts';
import { isTransient } from './errors.ts';

const backoff = { initialMs: 20, maxMs: 1_000 };

/** When a statement is sent again. */
export interface StatementRetry {
  readonly log: Logger;
  readonly clock: Clock;
  /** Tries in all, the failed one included. */
  readonly attempts: number;
  /** No try begins after it. */
  readonly deadlineMs: number;
  readonly isOpen: () => boolean;
  readonly signal: AbortSignal | undefined;
}

/** Goes on after `run` failed with `first`, which counts as the first try. */
export function retryStatement<T>(
  run: () => Promise<T>,
  first: unknown,
  { log, clock, attempts, deadlineMs, isOpen, signal }: StatementRetry,
): Promise<T> {
  let tries = 0;
  return retry(() => (tries++ === 0 ? Promise.reject(first) : unlessAborted(run(), signal)), {
    backoff,
    attempts,
    clock,
    random: Math.random,
    signal,
    retryable: (error) => isOpen() && clock.steadyMs() < deadlineMs && isTransient(error),
    onRetry: (err, attempt) => log.debug({ err, attempt }, 'Cassandra statement is tried again'),
  });
}
