import type { Clock } from '../../runtime/clock.ts';
import { isGone } from './this-process.ts';

/** What a process has written of itself into a row. */
interface SignOfLife {
  /** As `nameOfProcess` has it, or more after a slash. */
  readonly process: string;
  /** Ms since the epoch. */
  readonly expires: number;
}

/** Lifetimes, as the process that looks has them set, after which an unchanged row is over. */
const lifetimesUnchanged = 10;

/** Whether the time of a row is over, or its process has ended. */
export function isDead({ process, expires }: SignOfLife, nowMs: number): boolean {
  return expires <= nowMs || isGone(process);
}

/**
 * Finds processes that show no sign of life any more. If only `expires` counted, a time of day that
 * is set back, as on a machine that starts without a clock of its own, would keep a dead process
 * for as long as it was set back. So a process whose row has not changed for long enough, by the
 * steady clock, is dead as well.
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

  /** Rows with other ids are gone. Members of a fleet have a new id in each of their lives. */
  keepOnly(ids: ReadonlySet<string>): void {
    for (const id of this.#seen.keys()) if (!ids.has(id)) this.#seen.delete(id);
  }
}
