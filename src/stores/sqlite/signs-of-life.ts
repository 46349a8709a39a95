import type { Clock } from '../../runtime/clock.ts';
import { isGone } from './this-process.ts';

/** What a row says of who wrote it. */
interface SignOfLife {
  /** As `nameOfProcess` has it, or more after a slash. */
  readonly process: string;
  /** Ms since the epoch. */
  readonly expires: number;
}

/** A row that stays as it is for so many lifetimes, of whoever looks, counts as expired. */
const lifetimesUnchanged = 10;

/** Whether the time of a row is over, or its process has ended. */
export function isDead({ process, expires }: SignOfLife, nowMs: number): boolean {
  return expires <= nowMs || isGone(process);
}

/**
 * Who shows no sign of life any more. A time of day that is set back, as by a machine that starts
 * without a clock of its own, would let the dead live for as long as it was set back. So one whose
 * row has not changed for long enough, by the steady clock, is dead as well.
 */
export class SignsOfLife {
  readonly #lifetimeMs: number;
  readonly #clock: Pick<Clock, 'steadyMs'>;
  /** Since when a row is as it is. */
  readonly #seen = new Map<string, { readonly expires: number; readonly sinceMs: number }>();

  constructor(lifetimeMs: number, clock: Pick<Clock, 'steadyMs'>) {
    this.#lifetimeMs = lifetimeMs;
    this.#clock = clock;
  }

  /** @param id whose row it is */
  isDead(id: string, sign: SignOfLife, nowMs: number): boolean {
    const steadyMs = this.#clock.steadyMs();
    const seen = this.#seen.get(id);
    const sinceMs = seen?.expires === sign.expires ? seen.sinceMs : steadyMs;
    const isLate = steadyMs - sinceMs >= lifetimesUnchanged * this.#lifetimeMs;
    const isOver = isLate || isDead(sign, nowMs);
    if (isOver) this.#seen.delete(id);
    else this.#seen.set(id, { expires: sign.expires, sinceMs });
    return isOver;
  }
}
