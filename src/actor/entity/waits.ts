import type { AnyActorRef } from 'xstate';
import type { Wake } from '../../model/wake-up.ts';
import type { Timers } from './timers.ts';

/**
 * What an entity waits for, as its appends say it (docs/format.md#wake-ups): whoever owns the
 * entity after a crash opens it at that time. An append says so only when it differs from what the
 * last one said.
 *
 * A child that has ended counts as work until its end is stored: a crash before that would start it
 * again.
 */
export class Waits {
  #told: Wake | undefined;
  #ended: WeakSet<AnyActorRef> | undefined;

  /** The journal says that these children have ended, or is about to. */
  endedIn(children: readonly AnyActorRef[]): void {
    if (children.length === 0) return;
    this.#ended ??= new WeakSet();
    for (const child of children) this.#ended.add(child);
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
    if (children.some((child) => this.#ended?.has(child) !== true)) return 'now';
    const atMs = Math.ceil(timers.nextWakeMs() ?? Number.POSITIVE_INFINITY);
    // Beyond that there are no dates.
    return Number.isSafeInteger(atMs) ? Math.max(0, atMs) : 'none';
  }
}
