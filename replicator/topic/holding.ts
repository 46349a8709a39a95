import type { Logger } from '../../src/observability/logger.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import { type Backoff, backoffDelayMs } from '../../src/runtime/retry.ts';
import type { Problem } from './held-work.ts';

/** How long a partition waits that cannot go on: for ever, but never longer than this at a time. */
export const heldBackoff: Backoff = { initialMs: 100, maxMs: 30_000 };

interface HoldingParts {
  readonly log: Logger;
  readonly clock: Clock;
  readonly random: () => number;
}

/** A partition that waits in front of a problem, and says so at each try. */
export class Holding {
  readonly #parts: HoldingParts;
  #isHeld = false;

  constructor(parts: HoldingParts) {
    this.#parts = parts;
  }

  /** True from the first failure of a round until it is done: waiting, and trying again. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Waits before the next try; answers false when it is time to stop instead. */
  async wait(problem: Problem, attempt: number, signal: AbortSignal): Promise<boolean> {
    const { log, clock, random } = this.#parts;
    const retryInMs = backoffDelayMs(heldBackoff, attempt, random());
    const { message, ...fields } = problem;
    log.error({ ...fields, attempt, retryInMs }, message);
    this.#isHeld = true;
    try {
      await clock.sleep(retryInMs, { signal });
      return !signal.aborted;
    } catch (error) {
      if (signal.aborted) return false;
      throw error;
    }
  }

  release(): void {
    if (this.#isHeld) this.#parts.log.info({}, 'partition goes on');
    this.#isHeld = false;
  }
}
