import { onAbort } from './on-abort.ts';

/** What callers wait for, again and again: room in a queue, a new record, an idle entity. */
export class Occasion {
  #waiting: PromiseWithResolvers<void>[] = [];

  /**
   * Resolves with the next `fire`. One that came before the call does not count: look at the facts
   * first, and wait in the same turn.
   *
   * @throws the abort reason when `signal` fires first
   */
  wait(signal?: AbortSignal): Promise<void> {
    const waiter = Promise.withResolvers<void>();
    this.#waiting.push(waiter);
    if (signal === undefined) return waiter.promise;
    const stopListening = onAbort(signal, (reason) => {
      this.#waiting = this.#waiting.filter((other) => other !== waiter);
      waiter.reject(reason);
    });
    return waiter.promise.finally(stopListening);
  }

  /** Lets all go on that wait now. */
  fire(): void {
    const waiting = this.#waiting;
    if (waiting.length > 0) this.#waiting = [];
    for (const waiter of waiting) waiter.resolve();
  }
}
