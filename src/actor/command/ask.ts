import type { EventObject } from 'xstate';
import type { Stored } from '../../model/errors.ts';
import { AskTimeoutError } from '../../model/errors.ts';
import type { Clock } from '../../runtime/clock.ts';
import { Deque } from '../deque.ts';
import type { StoredEventOf } from '../persistence-info.ts';

/** What an asker gets once everything its command led to is stored and applied. */
export interface AskResult<S = unknown> {
  /** Number of the entity's last event at that moment. */
  readonly sequenceNr: number;
  /** What the command led to; empty when nothing was stored. */
  readonly events: readonly StoredEventOf<S>[];
  /** The state right after those events. */
  readonly snapshot: S;
  readonly reply: unknown;
}

/**
 * A sleeper looks so often whether anybody waits still: a finished program is not kept alive for
 * longer.
 */
const longestSleepMs = 500;

/** How long an asker waits unless it says otherwise. */
export const defaultAskTimeoutMs = 30_000;

/** One question under way; settled once, by the first of answer, failure and deadline. */
export class Ask {
  readonly command: EventObject;
  readonly deadlineMs: number;
  readonly promise: Promise<AskResult>;
  settled = false;
  /** What is known of the command at the moment: `'unknown'` while its write is under way. */
  stored: Stored = 'no';
  readonly #resolve: (result: AskResult) => void;
  readonly #reject: (error: unknown) => void;

  constructor(command: EventObject, deadlineMs: number) {
    this.command = command;
    this.deadlineMs = deadlineMs;
    const { promise, resolve, reject } = Promise.withResolvers<AskResult>();
    this.promise = promise;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  answer(result: AskResult): void {
    this.settled = true;
    this.#resolve(result);
  }

  fail(error: unknown): void {
    this.settled = true;
    this.#reject(error);
  }
}

/**
 * Ends questions whose time is over. Questions of one timeout expire in the order in which they
 * were asked, so each timeout has one queue and one sleeper instead of a timer a question.
 */
export class AskDeadlines {
  readonly #clock: Clock;
  readonly #queues = new Map<number, Deque<Ask>>();
  readonly #closing = new AbortController();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  watch(ask: Ask, timeoutMs: number): void {
    const queue = this.#queues.get(timeoutMs);
    if (queue === undefined) {
      const fresh = new Deque<Ask>();
      fresh.push(ask);
      this.#queues.set(timeoutMs, fresh);
      this.#sweep(timeoutMs, fresh).catch(() => {}); // closed
    } else {
      dropSettled(queue);
      queue.push(ask);
    }
  }

  /** Stops the sleepers; questions still open are left to their entities. */
  close(): void {
    this.#closing.abort();
  }

  /** Ends once its queue has no open question. @throws when it is closed */
  async #sweep(timeoutMs: number, queue: Deque<Ask>): Promise<void> {
    const { signal } = this.#closing;
    for (let next = queue.peek(); next !== undefined; next = queue.peek()) {
      const waitMs = next.deadlineMs - this.#clock.nowMs();
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

function dropSettled(queue: Deque<Ask>): void {
  while (queue.peek()?.settled) queue.shift();
}

function timeout(ask: Ask, timeoutMs: number): AskTimeoutError {
  const { type } = ask.command;
  const { stored } = ask;
  const what =
    stored === 'no'
      ? 'it had not had its turn, is not stored and will not run'
      : 'its write is under way, so it may or may not be stored';
  return new AskTimeoutError(`no answer to "${type}" within ${timeoutMs} ms; ${what}`, { stored });
}
