import type { Clock } from './clock.ts';
import { onAbort } from './on-abort.ts';

/** Node fires anything above this at once. */
export const longestTimeoutMs = 2 ** 31 - 1;

/** When somebody is to be woken, and how often that has failed in a row. */
export interface Alarm {
  readonly atMs: number;
  readonly failures: number;
  /** The place of its entity; `undefined` = it never moves. */
  readonly place?: object | undefined;
}

interface Queued extends Alarm {
  readonly id: string;
}

/** Where the time comes from, and what is called when an id is due. */
export interface AlarmsOptions {
  readonly clock: Clock;
  /** Nobody is woken any more. */
  readonly closing: AbortSignal;
  /** Called when an id is due; it takes the alarm, or leaves it, then it is forgotten. */
  readonly wake: (id: string) => void;
}

/**
 * A woken entity recovers, which costs reads. So at most this many start at once, then there is a
 * pause.
 */
const wakesAtOnce = 50;
const pauseMs = 100;
/** Out-of-date places of the queue that are kept before it is made anew. */
const longestWaste = 64;
const replaced = 'an earlier deadline';

/** Wakes ids at their times, earliest first, with one sleeper for all. */
export class Alarms {
  readonly #options: AlarmsOptions;
  readonly #current = new Map<string, Queued>();
  /** A binary heap by time; holds places that `#current` has no more. */
  #heap: Queued[] = [];
  #sleeper: AbortController | undefined;
  #sleepsUntilMs = Number.POSITIVE_INFINITY;

  constructor(options: AlarmsOptions) {
    this.#options = options;
    onAbort(options.closing, () => this.#stopSleeping());
  }

  get size(): number {
    return this.#current.size;
  }

  set(id: string, { atMs, failures, place }: Alarm): void {
    // Member by member: a spread would take half as much memory again, for each of many.
    const queued: Queued = { id, atMs, failures, place };
    this.#current.set(id, queued);
    if (this.#heap.length > 2 * this.#current.size + longestWaste) {
      this.#heap = [...this.#current.values()].sort((a, b) => a.atMs - b.atMs);
    } else {
      push(this.#heap, queued);
    }
    if (queued.atMs < this.#sleepsUntilMs) this.#sleep(queued.atMs);
  }

  /** Forgets the alarm of an id and answers it. */
  take(id: string): Alarm | undefined {
    const queued = this.#current.get(id);
    this.#current.delete(id);
    if (this.#current.size === 0) this.#stopSleeping();
    return queued;
  }

  /** Forgets the alarms of a place. */
  dropAt(place: object): void {
    for (const alarm of this.#current.values()) if (alarm.place === place) this.take(alarm.id);
  }

  #sleep(untilMs: number): void {
    this.#stopSleeping();
    const { clock, closing } = this.#options;
    if (closing.aborted) return;
    const sleeper = new AbortController();
    this.#sleeper = sleeper;
    this.#sleepsUntilMs = untilMs;
    const ms = Math.min(Math.max(0, untilMs - clock.nowMs()), longestTimeoutMs);
    clock.sleep(ms, { signal: sleeper.signal }).then(
      () => {
        if (this.#sleeper === sleeper) this.#wakeDue();
      },
      () => {}, // replaced, or closed
    );
  }

  #stopSleeping(): void {
    this.#sleeper?.abort(replaced);
    this.#sleeper = undefined;
    this.#sleepsUntilMs = Number.POSITIVE_INFINITY;
  }

  #wakeDue(): void {
    this.#stopSleeping();
    const nowMs = this.#options.clock.nowMs();
    for (let woken = 0; woken < wakesAtOnce; ) {
      const first = this.#heap[0];
      if (first === undefined) return;
      const isCurrent = this.#current.get(first.id) === first;
      if (isCurrent && first.atMs > nowMs) {
        this.#sleep(first.atMs);
        return;
      }
      shift(this.#heap);
      if (!isCurrent) continue;
      this.#options.wake(first.id);
      if (this.#current.get(first.id) === first) this.#current.delete(first.id);
      woken++;
    }
    this.#sleep(nowMs + pauseMs);
  }
}

function push(heap: Queued[], queued: Queued): void {
  let at = heap.length;
  heap.push(queued);
  while (at > 0) {
    const parentAt = (at - 1) >> 1;
    const parent = heap[parentAt];
    if (parent === undefined || parent.atMs <= queued.atMs) break;
    heap[at] = parent;
    at = parentAt;
  }
  heap[at] = queued;
}

/** Takes the first one out. */
function shift(heap: Queued[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let at = 0;
  for (;;) {
    let childAt = 2 * at + 1;
    const left = heap[childAt];
    const right = heap[childAt + 1];
    if (left !== undefined && right !== undefined && right.atMs < left.atMs) childAt++;
    const child = heap[childAt];
    if (child === undefined || child.atMs >= last.atMs) break;
    heap[at] = child;
    at = childAt;
  }
  heap[at] = last;
}
