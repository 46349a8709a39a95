import { balanceStepMs } from '../../fleet/assignment/assign-partitions.ts';

/**
 * Whether the members of a fleet have stayed the same for the balance delay. Every member watches,
 * so that one which takes over sharing out knows it.
 */
export class CalmWatch {
  readonly #balanceDelayMs: number;
  #members: string | undefined;
  #sinceMs = 0;

  constructor(balanceDelayMs: number) {
    this.#balanceDelayMs = balanceDelayMs;
  }

  /** These are the members now; in any order. */
  saw(ids: readonly string[], steadyMs: number): void {
    const members = ids.toSorted().join();
    if (members === this.#members) return;
    this.#members = members;
    this.#sinceMs = steadyMs;
  }

  /** Partitions have moved for balance, and more are to move. */
  hasStepped(steadyMs: number): void {
    this.#sinceMs = steadyMs - Math.max(0, this.#balanceDelayMs - balanceStepMs);
  }

  isCalm(steadyMs: number): boolean {
    return steadyMs - this.#sinceMs >= this.#balanceDelayMs;
  }
}
