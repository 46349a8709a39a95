/** Something that callers wait for, again and again. */
export class Occasion {
  #waiting: PromiseWithResolvers<void>[] = [];

  get isAwaited(): boolean {
    return this.#waiting.length > 0;
  }

  wait(): Promise<void> {
    const waiter = Promise.withResolvers<void>();
    this.#waiting.push(waiter);
    return waiter.promise;
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
