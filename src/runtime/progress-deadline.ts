import { onAbort } from './on-abort.ts';

/**
 * Bounds the silence of a long operation: `signal` fires with the given error when `limitMs` pass
 * without a call of `progress`, or with the outer signal's reason when that one fires first.
 * Whoever makes one disposes of it.
 */
export class ProgressDeadline {
  readonly #controller = new AbortController();
  readonly #limitMs: number;
  readonly #onExpiry: () => Error;
  #timer: NodeJS.Timeout;
  readonly #stopListening: () => void;

  /** The time counts from now on. */
  constructor(limitMs: number, onExpiry: () => Error, outer: AbortSignal | undefined) {
    this.#limitMs = limitMs;
    this.#onExpiry = onExpiry;
    this.#timer = this.#start();
    this.#stopListening = onAbort(outer, (reason) => this.#controller.abort(reason));
  }

  /** Fires when the operation is to end. */
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

  /** Frees the timer and forgets the outer signal. */
  dispose(): void {
    clearTimeout(this.#timer);
    this.#stopListening();
  }
}
