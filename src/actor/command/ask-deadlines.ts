import { AskTimeoutError } from '../../model/errors.ts';
import type { Clock } from '../../runtime/clock.ts';
import { Queue } from '../../runtime/queue.ts';
import type { Ask } from '../entity/ask.ts';

/**
 * A sleeper looks so often whether anybody waits still: a finished program is not kept alive for
 * longer.
 */
const longestSleepMs = 500;

/**
 * Ends questions whose time is over. Questions of one timeout expire in the order in which they
 * were asked, so each timeout has one queue and one sleeper instead of a timer a question.
 */
export class AskDeadlines {
  readonly #clock: Clock;
  readonly #queues = new Map<number, Queue<Ask>>();
  readonly #closing = new AbortController();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  watch(ask: Ask, timeoutMs: number): void {
    const queue = this.#queues.get(timeoutMs);
    if (queue === undefined) {
      const fresh = new Queue<Ask>();
      fresh.push(ask);
      this.#queues.set(timeoutMs, fresh);
      this.#sweep(timeoutMs, fresh).catch(() => {}); // closed
    } else {
      while (queue.peek()?.settled) queue.shift();
      queue.push(ask);
    }
  }

  /** Stops the sleepers; questions still open are left to their entities. */
  close(): void {
    this.#closing.abort();
  }

  /**
   * Ends once its queue has no open question.
   *
   * @throws when it is closed
   */
  async #sweep(timeoutMs: number, queue: Queue<Ask>): Promise<void> {
    const { signal } = this.#closing;
    for (let next = queue.peek(); next !== undefined; next = queue.peek()) {
      const waitMs = next.deadlineMs - this.#clock.steadyMs();
      if (!next.settled && waitMs > 0) {
        await this.#clock.sleep(Math.min(waitMs, longestSleepMs), { signal });
        continue;
      }
      queue.shift();
      if (!next.settled) next.fail(timeout(next, timeoutMs));
    }
    this.#queues.delete(timeoutMs);
  }
}

function timeout(ask: Ask, timeoutMs: number): AskTimeoutError {
  const { type } = ask.command;
  const { stored } = ask;
  const cause = ask.asked?.trouble;
  const what =
    stored === 'no'
      ? 'it had not had its turn, is not stored and will not run'
      : 'its write is under way, so it may or may not be stored';
  const text = `no answer to "${type}" within ${timeoutMs} ms; ${what}`;
  return new AskTimeoutError(text, cause === undefined ? { stored } : { stored, cause });
}
