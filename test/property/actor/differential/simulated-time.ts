import type { Clock } from '../../../../src/runtime/clock.ts';
import { clocksApartMs } from '../../../support/clocks-apart.ts';

interface Alarm {
  readonly atMs: number;
  /** Among those of one moment: the lower comes first. */
  readonly turn: number;
  readonly ring: () => void;
}

/** The time of one process: xstate's clock and ours, moved together and only by the test. */
export class SimulatedTime implements Clock {
  #nowMs: number;
  #turns = 0;
  #ids = 0;
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

  steadyMs(): number {
    return this.nowMs() - clocksApartMs;
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

  /** Id of the alarm that was set last. */
  get lastId(): number {
    return this.#ids;
  }

  has(id: number): boolean {
    return this.#alarms.has(id);
  }

  forget(id: number): void {
    this.#alarms.delete(id);
  }

  /** As if it were set now, for the same moment or for now. */
  setAgain(id: number): void {
    const alarm = this.#alarms.get(id);
    if (alarm === undefined) return;
    const atMs = Math.max(this.#nowMs, alarm.atMs);
    this.#alarms.set(id, { ...alarm, atMs, turn: ++this.#turns });
  }

  /** Nothing rings: the process is down. */
  jump(ms: number): void {
    this.#nowMs += ms;
  }

  /** Rings what is due, in order; each settles before the next one. */
  async pass(ms: number, settle: () => Promise<void>): Promise<void> {
    const endMs = this.#nowMs + ms;
    for (let next = this.#next(endMs); next !== undefined; next = this.#next(endMs)) {
      const [id, { atMs, ring }] = next;
      this.#nowMs = Math.max(this.#nowMs, atMs);
      this.#alarms.delete(id);
      ring();
      await settle();
    }
    this.#nowMs = endMs;
  }

  #add(ring: (...args: never[]) => void, ms: number): number {
    const id = ++this.#ids;
    const atMs = this.#nowMs + Math.max(0, ms);
    this.#alarms.set(id, { atMs, turn: ++this.#turns, ring: ring as () => void });
    return id;
  }

  #next(endMs: number): readonly [number, Alarm] | undefined {
    let next: readonly [number, Alarm] | undefined;
    for (const entry of this.#alarms) {
      const [, { atMs, turn }] = entry;
      if (atMs > endMs) continue;
      const isSooner = next === undefined || atMs < next[1].atMs;
      if (isSooner || (atMs === next?.[1].atMs && turn < next[1].turn)) next = entry;
    }
    return next;
  }
}

/** Lets everything run that waits for no time. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

const longestTurns = 50;

/**
 * What comes of a promise that waits for no time.
 *
 * @throws {Error} it waits for something that never comes
 */
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
