import type { Clock } from '../../src/runtime/clock.ts';

/** Lets `perSecond` callers through in a second, evenly, in the order of their calls. */
export class Pacer {
  readonly #clock: Clock;
  readonly #stepMs: number;
  #nextMs = 0;

  constructor(perSecond: number, clock: Clock) {
    this.#clock = clock;
    this.#stepMs = 1_000 / perSecond;
  }

  /**
   * Resolves when it is the caller's turn.
   *
   * @throws the signal's reason; the turn is lost then
   */
  async turn(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const steadyMs = this.#clock.steadyMs();
    const atMs = Math.max(steadyMs, this.#nextMs);
    this.#nextMs = atMs + this.#stepMs;
    if (atMs > steadyMs) await this.#clock.sleep(atMs - steadyMs, { signal });
  }
}
