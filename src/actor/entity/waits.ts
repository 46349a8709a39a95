import type { AnyActorRef } from 'xstate';
import type { Wake } from '../../model/wake-up.ts';
import type { Timers } from './timers.ts';

/** What may keep an entity from resting. */
export interface WaitsFor {
  readonly children: readonly AnyActorRef[];
  readonly timers: Timers;
  /** Unconfirmed ones. */
  readonly deliveries: number;
}

/**
 * What an entity waits for, as its appends say it (docs/format.md#wake-ups): whoever owns the
 * entity after a crash opens it at that time. An append says so only when it differs from what the
 * last one said.
 *
 * A child that has ended counts as work until its end is stored: a crash before that would start it
 * again. So does a delivery until its confirmation is stored.
 */
export class Waits {
  #told: Wake | undefined;
  readonly #ended = new WeakSet<AnyActorRef>();

  /** The journal says that these children have ended, or is about to. */
  endedIn(children: readonly AnyActorRef[]): void {
    for (const child of children) this.#ended.add(child);
  }

  /** What to say with the next append; `undefined` = what the last one said is still so. */
  next(what: WaitsFor): Wake | undefined {
    const wake = this.#wake(what);
    if (wake === this.#told) return undefined;
    this.#told = wake;
    return wake;
  }

  /** Nothing happens to the entity before its next command. */
  isNothing(what: WaitsFor): boolean {
    return this.#wake(what) === 'none';
  }

  /** The last append is not stored: the next one says it again. */
  untold(): void {
    this.#told = undefined;
  }

  #wake({ children, timers, deliveries }: WaitsFor): Wake {
    if (deliveries > 0) return 'now';
    if (children.some((child) => !this.#ended.has(child))) return 'now';
    const atMs = Math.ceil(timers.nextWakeMs() ?? Number.POSITIVE_INFINITY);
    // Beyond that there are no dates.
    return Number.isSafeInteger(atMs) ? Math.max(0, atMs) : 'none';
  }
}
