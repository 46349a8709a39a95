import type { Clock } from './clock.ts';
import { onAbort } from './on-abort.ts';

/**
 * Resolves in the next turn of the event loop: what is ready now, I/O included, runs before. Never
 * rejects.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Resolves when `signal` fires; never rejects. For signals that end with whoever waits. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    onAbort(signal, () => resolve());
  });
}

/**
 * Settles as `work` does, unless `signal` fires first. The work then goes on, and its outcome is
 * dropped.
 *
 * @throws the abort reason when `signal` fires first
 */
export function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const stopListening = onAbort(signal, reject);
    work.then(resolve, reject).finally(stopListening);
  });
}

/**
 * Settles as `work` does, unless that takes longer than `limitMs`: then it resolves with
 * `'expired'`. The work goes on, and its outcome is dropped.
 *
 * @throws what `work` rejects with in time
 */
export async function within<T>(
  work: Promise<T>,
  limitMs: number,
  clock: Clock,
): Promise<T | 'expired'> {
  const deadline = new Deadline(limitMs, clock);
  try {
    return await deadline.within(work);
  } finally {
    deadline.end();
  }
}

/** One time limit for several waits, one after another. It begins when it is made. */
export class Deadline {
  readonly #ended = new AbortController();
  readonly #expired: Promise<'expired'>;

  constructor(limitMs: number, clock: Clock) {
    const expired = (): 'expired' => 'expired';
    this.#expired = clock.sleep(limitMs, { signal: this.#ended.signal }).then(expired, expired);
  }

  /**
   * Settles as `work` does, or with `'expired'` when the time is over first.
   *
   * @throws what `work` rejects with in time
   */
  within<T>(work: Promise<T>): Promise<T | 'expired'> {
    return Promise.race([work, this.#expired]);
  }

  /** Frees the timer. Waits that are still under way resolve with `'expired'`. */
  end(): void {
    this.#ended.abort('ended');
  }
}

/**
 * Both results. When one fails, its error comes only after **both** have settled: no work is left
 * running detached.
 *
 * @throws the error of `a`, or else that of `b`
 */
export async function settleBoth<A, B>(a: Promise<A>, b: Promise<B>): Promise<[A, B]> {
  const [left, right] = await Promise.allSettled([a, b]);
  if (left.status === 'rejected') throw left.reason;
  if (right.status === 'rejected') throw right.reason;
  return [left.value, right.value];
}
