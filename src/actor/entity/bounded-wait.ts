import { DeadlineExceededError, type Stored } from '../../model/errors.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { WaitOptions } from './ask.ts';
import { checkTimeout } from './check-input.ts';

/** What is said when a wait is over. */
export interface BoundedWait {
  readonly text: string;
  readonly stored: Stored;
}

/**
 * Work that ends with the caller's signal, or after the caller's timeout.
 *
 * @throws {DeadlineExceededError} the text of the wait, and the timeout
 * @throws {InvalidInputError} the timeout is none
 */
export async function inTime<T>(
  clock: Clock,
  { text, stored }: BoundedWait,
  options: WaitOptions | undefined,
  work: (signal: AbortSignal | undefined) => Promise<T>,
): Promise<T> {
  const signal = options?.signal;
  if (options?.timeout === undefined) return await work(signal);
  const timeoutMs = checkTimeout(options.timeout);
  const over = new AbortController();
  const either = signal === undefined ? over.signal : AbortSignal.any([signal, over.signal]);
  const error = new DeadlineExceededError(`${text} (${timeoutMs} ms)`, { stored });
  clock.sleep(timeoutMs, { signal: over.signal }).then(
    () => over.abort(error),
    () => {}, // it was quicker
  );
  try {
    return await work(either);
  } finally {
    over.abort();
  }
}
