import { virtualAbort } from './virtual-abort.ts';

/** One timer of virtual time. */
interface Timer {
  readonly id: number;
  readonly dueMs: number;
  readonly run: () => void;
}

/** Timers that fire when the scheduler moves its clock. */
export class VirtualTimers {
  readonly #timers: Timer[] = [];
  #lastId = 0;

  /** Due earliest; `undefined` without timers. */
  get nextDueMs(): number | undefined {
    return this.#timers[0]?.dueMs;
  }

  add(dueMs: number, run: () => void): number {
    const timer = { id: ++this.#lastId, dueMs, run };
    let index = this.#timers.length;
    while (index > 0 && (this.#timers[index - 1]?.dueMs ?? 0) > dueMs) index--;
    this.#timers.splice(index, 0, timer);
    return timer.id;
  }

  remove(id: number): void {
    const index = this.#timers.findIndex((timer) => timer.id === id);
    if (index >= 0) this.#timers.splice(index, 1);
  }

  /** Takes the first timer that is due at `nowMs`. */
  takeDue(nowMs: number): (() => void) | undefined {
    const first = this.#timers[0];
    if (first === undefined || first.dueMs > nowMs) return undefined;
    this.#timers.shift();
    return first.run;
  }
}

interface TimerHost {
  readonly timers: VirtualTimers;
  readonly nowMs: number;
  readonly random: { next(): number };
}

/**
 * Runs `work` with the global timers replaced by virtual ones, since the deadline of a read takes
 * no clock, with abort signals that cost less, and with seeded random numbers; an error costs no
 * stack. `work` is synchronous: nobody else sees it.
 */
export function inVirtualTime<T>(host: TimerHost, work: () => T): T {
  const { setTimeout, clearTimeout, AbortController, AbortSignal } = globalThis;
  const { random } = Math;
  const { stackTraceLimit } = Error;
  const set = (run: () => void, ms = 0): number => host.timers.add(host.nowMs + ms, run);
  const clear = (id: number | undefined): void => {
    if (id !== undefined) host.timers.remove(id);
  };
  Object.assign(globalThis, { setTimeout: set, clearTimeout: clear, ...virtualAbort });
  Math.random = () => host.random.next();
  Error.stackTraceLimit = 0;
  try {
    return work();
  } finally {
    Object.assign(globalThis, { setTimeout, clearTimeout, AbortController, AbortSignal });
    Math.random = random;
    Error.stackTraceLimit = stackTraceLimit;
  }
}
