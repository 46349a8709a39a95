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
    const nowMs = this.#clock.nowMs();
    const atMs = Math.max(nowMs, this.#nextMs);
    this.#nextMs = atMs + this.#stepMs;
    if (atMs > nowMs) await this.#clock.sleep(atMs - nowMs, { signal });
  }
}
