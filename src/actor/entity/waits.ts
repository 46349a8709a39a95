import type { AnyActorRef } from 'xstate';
import type { Wake } from '../../model/wake-up.ts';
import type { Envelope } from './evaluated.ts';
import type { Timers } from './timers.ts';

/**
 * What an entity waits for, as its appends say it (docs/format.md#wake-ups): whoever owns the
 * entity after a crash opens it at that time. An append says so only when it differs from what the
 * last one said.
 *
 * A child that has ended counts as work until its end is stored: a crash before that would start it
 * again. One that waits for its next attempt counts as a timer.
 */
export class Waits {
  #told: Wake | undefined;
  readonly #ended = new WeakSet<AnyActorRef>();
  /** When children that wait for their next attempt begin it, ms since the epoch. */
  readonly #backoffEndsMs = new WeakMap<AnyActorRef, number>();

  /** The journal says that these children have ended, or is about to. */
  endedIn(children: readonly AnyActorRef[]): void {
    for (const child of children) this.#ended.add(child);
  }

  /** What a child has reported, its end or an attempt, is about to be stored. */
  reported({ child, attempt }: Envelope, atMs: number): void {
    if (child !== undefined) this.endedIn([child]);
    if (attempt === undefined) return;
    const { record } = attempt;
    if (record.type === 'xstate.attempt.begun') this.#backoffEndsMs.delete(attempt.child);
    else this.waitsUntil(attempt.child, atMs + record.retryInMs);
  }

  /** The child waits for its next attempt. */
  waitsUntil(child: AnyActorRef, backoffEndMs: number): void {
    this.#backoffEndsMs.set(child, backoffEndMs);
  }

  /** When a child begins its next attempt; `undefined` = it does not wait for one. */
  backoffEndMs(child: AnyActorRef): number | undefined {
    return this.#backoffEndsMs.get(child);
  }

  /** What to say with the next append; `undefined` = what the last one said is still so. */
  next(children: readonly AnyActorRef[], timers: Timers): Wake | undefined {
    const wake = this.#wake(children, timers);
    if (wake === this.#told) return undefined;
    this.#told = wake;
    return wake;
  }

  /** Nothing happens to the entity before its next command. */
  isNothing(children: readonly AnyActorRef[], timers: Timers): boolean {
    return this.#wake(children, timers) === 'none';
  }

  /** The last append is not stored: the next one says it again. */
  untold(): void {
    this.#told = undefined;
  }

  #wake(children: readonly AnyActorRef[], timers: Timers): Wake {
    let firstMs = timers.nextWakeMs() ?? Number.POSITIVE_INFINITY;
    for (const child of children) {
      if (this.#ended.has(child)) continue;
      const backoffEndMs = this.#backoffEndsMs.get(child);
      if (backoffEndMs === undefined) return 'now';
      firstMs = Math.min(firstMs, backoffEndMs);
    }
    const atMs = Math.ceil(firstMs);
    // Beyond that there are no dates.
    return Number.isSafeInteger(atMs) ? Math.max(0, atMs) : 'none';
  }
}
