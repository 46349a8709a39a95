/**
 * Work that many ask for, done once at a time: a call that finds it idle begins it; calls that come
 * while it is under way share the next run. So what a call gets was begun after the call.
 */
export class SharedRun<T> {
  readonly #work: () => Promise<T>;
  #running: Promise<unknown> | undefined;
  #next: Promise<T> | undefined;

  constructor(work: () => Promise<T>) {
    this.#work = work;
  }

  /** @throws what the work rejects with */
  run(): Promise<T> {
    if (this.#running === undefined) return this.#begin();
    this.#next ??= this.#running.then(() => {
      this.#next = undefined;
      return this.#begin();
    });
    return this.#next;
  }

  #begin(): Promise<T> {
    const work = this.#work();
    const ended = (): void => {
      if (this.#running === running) this.#running = undefined;
    };
    const running = work.then(ended, ended);
    this.#running = running;
    return work;
  }
}
