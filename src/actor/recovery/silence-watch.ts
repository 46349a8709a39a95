import { DeadlineExceededError } from '../../model/errors.ts';
import type { Clock } from '../../runtime/clock.ts';
import { unlessAborted } from '../../runtime/waiting.ts';

/**
 * Ends a recovery whose journal has said nothing for `limitMs`: aborts it, and fails what waits
 * for the journal even when the journal does not listen to the signal. Each call starts the time
 * anew.
 */
export class SilenceWatch {
  readonly #clock: Clock;
  readonly #limitMs: number;
  readonly #recovery: AbortController;
  #lastMs: number;

  /** `recovery` is aborted on silence; aborting it from outside ends the watch. */
  constructor(limitMs: number, clock: Clock, recovery: AbortController) {
    this.#limitMs = limitMs;
    this.#clock = clock;
    this.#recovery = recovery;
    this.#lastMs = clock.steadyMs();
  }

  /** From now on the time counts. */
  start(): void {
    this.touch();
    this.#run().catch(() => {}); // the recovery is over
  }

  touch(): void {
    this.#lastMs = this.#clock.steadyMs();
  }

  /** The promise, or a rejection as soon as the recovery is aborted. */
  guard<T>(promise: Promise<T>): Promise<T> {
    this.touch();
    return unlessAborted(promise, this.#recovery.signal);
  }

  async #run(): Promise<void> {
    const { signal } = this.#recovery;
    for (;;) {
      const restMs = this.#lastMs + this.#limitMs - this.#clock.steadyMs();
      if (restMs <= 0) break;
      await this.#clock.sleep(restMs, { signal });
    }
    const text = `neither the journal nor the snapshot store said anything for ${this.#limitMs} ms during a recovery`;
    this.#recovery.abort(new DeadlineExceededError(text));
  }
}
