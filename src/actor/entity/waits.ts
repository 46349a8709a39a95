import type { AnyActorRef } from 'xstate';
import { Wake } from '../../model/wake-up.ts';
import type { Envelope } from './evaluated.ts';
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
 * again. One that waits for its next attempt counts as a timer, a delivery as work until its
 * confirmation is stored.
 */
export class Waits {
  #said: Wake | undefined;
  #ended: WeakSet<AnyActorRef> | undefined;
  /** When children that wait for their next attempt begin it, ms since the epoch. */
  #backoffEndsMs: WeakMap<AnyActorRef, number> | undefined;

  /** The journal says that these children have ended, or is about to. */
  endedIn(children: readonly AnyActorRef[]): void {
    if (children.length === 0) return;
    this.#ended ??= new WeakSet();
    for (const child of children) this.#ended.add(child);
  }

  /** What a child has reported, its end or an attempt, is about to be stored. */
  reported({ child, attempt }: Envelope, atMs: number): void {
    if (child !== undefined) this.endedIn([child]);
    if (attempt === undefined) return;
    const { record } = attempt;
    if (record.type === 'xstate.attempt.begun') this.#backoffEndsMs?.delete(attempt.child);
    else this.waitsUntil(attempt.child, atMs + record.retryInMs);
  }

  /** The child waits for its next attempt. */
  waitsUntil(child: AnyActorRef, backoffEndMs: number): void {
    this.#backoffEndsMs ??= new WeakMap();
    this.#backoffEndsMs.set(child, backoffEndMs);
  }

  /** When a child begins its next attempt; `undefined` = it does not wait for one. */
  backoffEndMs(child: AnyActorRef): number | undefined {
    return this.#backoffEndsMs?.get(child);
  }

  /** What to say with the next append; `undefined` = what the last one said is still so. */
  next(what: WaitsFor): Wake | undefined {
    const wake = this.#wake(what);
    if (wake === this.#said) return undefined;
    this.#said = wake;
    return wake;
  }

  /** Nothing happens to the entity before its next command. */
  isNothing(what: WaitsFor): boolean {
    return this.#wake(what) === 'none';
  }

  /** The last append is not stored: the next one says it again. */
  sayAgain(): void {
    this.#said = undefined;
  }

  #wake({ children, timers, deliveries }: WaitsFor): Wake {
    if (deliveries > 0) return 'now';
    let firstMs = timers.nextWakeMs() ?? Number.POSITIVE_INFINITY;
    for (const child of children) {
      if (this.#ended?.has(child) === true) continue;
      const backoffEndMs = this.#backoffEndsMs?.get(child);
      if (backoffEndMs === undefined) return 'now';
      firstMs = Math.min(firstMs, backoffEndMs);
    }
    const atMs = Math.max(0, Math.ceil(firstMs));
    // An append with a time that is no date is refused: it comes never, as one without an end does.
    return Wake.is(atMs) ? atMs : 'none';
  }
}
