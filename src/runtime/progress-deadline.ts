/**
 * Bounds the silence of a long operation: `signal` fires with the given error when `limitMs` pass
 * without a call of `progress`, or with the outer signal's reason when that one fires first.
 */
export class ProgressDeadline {
  readonly #controller = new AbortController();
  readonly #limitMs: number;
  readonly #onExpiry: () => Error;
  #timer: NodeJS.Timeout;
  readonly #outer: AbortSignal | undefined;
  readonly #onOuterAbort = (): void => this.#controller.abort(this.#outer?.reason);

  constructor(limitMs: number, onExpiry: () => Error, outer: AbortSignal | undefined) {
    this.#outer = outer;
    this.#limitMs = limitMs;
    this.#onExpiry = onExpiry;
    this.#timer = this.#start();
    if (outer?.aborted) this.#onOuterAbort();
    else outer?.addEventListener('abort', this.#onOuterAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Something arrived: the full time counts again, also after a pause. */
  progress(): void {
    clearTimeout(this.#timer);
    this.#timer = this.#start();
  }

  /** The time of others: nothing counts until the next progress. */
  pause(): void {
    clearTimeout(this.#timer);
  }

  #start(): NodeJS.Timeout {
    return setTimeout(() => this.#controller.abort(this.#onExpiry()), this.#limitMs);
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener('abort', this.#onOuterAbort);
  }
}
