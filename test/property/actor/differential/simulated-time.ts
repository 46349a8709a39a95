import type { Clock } from '../../../../src/runtime/clock.ts';

interface Alarm {
  readonly atMs: number;
  readonly order: number;
  readonly ring: () => void;
}

/** The time of one process: xstate's clock and ours, moved together and only by the test. */
export class SimulatedTime implements Clock {
  #nowMs: number;
  #order = 0;
  readonly #alarms = new Map<number, Alarm>();

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
  }

  /** For `createActor`. */
  readonly xstate = {
    setTimeout: (ring: (...args: never[]) => void, ms: number): number => this.#add(ring, ms),
    clearTimeout: (id: number): void => void this.#alarms.delete(id),
  };

  nowMs(): number {
    return this.#nowMs;
  }

  sleep(ms: number, options?: { readonly signal?: AbortSignal | undefined }): Promise<void> {
    const signal = options?.signal;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const id = this.#add(() => {
        signal?.removeEventListener('abort', abort);
        resolve();
      }, ms);
      const abort = (): void => {
        this.#alarms.delete(id);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  /** Nothing that was set rings any more. */
  forgetAlarms(): void {
    this.#alarms.clear();
  }

  /** Nothing rings: the process is down. */
  jump(ms: number): void {
    this.#nowMs += ms;
  }

  /** Rings what is due, in order; each settles before the next one. */
  async pass(ms: number, settle: () => Promise<void>): Promise<void> {
    const endMs = this.#nowMs + ms;
    for (let next = this.#next(endMs); next !== undefined; next = this.#next(endMs)) {
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      this.#alarms.delete(next.order);
      next.ring();
      await settle();
    }
    this.#nowMs = endMs;
  }

  #add(ring: (...args: never[]) => void, ms: number): number {
    const order = ++this.#order;
    const atMs = this.#nowMs + Math.max(0, ms);
    this.#alarms.set(order, { atMs, order, ring: ring as () => void });
    return order;
  }

  #next(endMs: number): Alarm | undefined {
    let next: Alarm | undefined;
    // Alarms stand in the order in which they were set.
    for (const alarm of this.#alarms.values()) {
      if (alarm.atMs <= endMs && (next === undefined || alarm.atMs < next.atMs)) next = alarm;
    }
    return next;
  }
}

/** Lets everything run that waits for no time. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

const longestTurns = 50;

/** What comes of a promise that waits for no time. @throws {Error} it waits for something that never comes */
export async function soon<T>(promise: Promise<T>, what: string): Promise<T> {
  let isOver = false;
  const over = (): void => {
    isOver = true;
  };
  promise.then(over, over);
  for (let turn = 0; !isOver && turn < longestTurns; turn++) await settle();
  if (isOver) return promise;
  throw new Error(`${what} never ends`);
}
