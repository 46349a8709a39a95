/** Something that callers wait for, again and again. */
export class Occasion {
  #waiting: PromiseWithResolvers<void>[] = [];

  get isAwaited(): boolean {
    return this.#waiting.length > 0;
  }

  /** Rejects with `signal.reason` when it fires first. */
  wait(signal?: AbortSignal): Promise<void> {
    const waiter = Promise.withResolvers<void>();
    this.#waiting.push(waiter);
    if (signal === undefined) return waiter.promise;
    const abort = (): void => {
      this.#waiting = this.#waiting.filter((other) => other !== waiter);
      waiter.reject(signal.reason);
    };
    signal.addEventListener('abort', abort, { once: true });
    return waiter.promise.finally(() => signal.removeEventListener('abort', abort));
  }

  fire(): void {
    for (const waiter of this.#take()) waiter.resolve();
  }

  fail(error: unknown): void {
    for (const waiter of this.#take()) waiter.reject(error);
  }

  #take(): readonly PromiseWithResolvers<void>[] {
    const waiting = this.#waiting;
    if (waiting.length > 0) this.#waiting = [];
    return waiting;
  }
}
