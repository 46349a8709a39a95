import type { Clock, SleepOptions } from '../../../src/runtime/clock.ts';

interface Due {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** Time that only passes when nothing is left to do at the moment. */
export class VirtualTime {
  nowMs = 1_700_000_000_000;
  #due: Due[] = [];
  #order = 0;

  after(ms: number, run: () => void): void {
    const due = { atMs: this.nowMs + Math.max(0, ms), order: ++this.#order, run };
    let at = this.#due.length;
    while (at > 0 && (this.#due[at - 1] as Due).atMs > due.atMs) at--;
    this.#due.splice(at, 0, due);
  }

  /** Lets `ms` pass; everything that is due in them runs, one thing after another. */
  async pass(ms: number): Promise<void> {
    const endMs = this.nowMs + ms;
    await settle();
    for (let next = this.#due[0]; next !== undefined && next.atMs <= endMs; next = this.#due[0]) {
      this.#due.shift();
      this.nowMs = next.atMs;
      next.run();
      await settle();
    }
    this.nowMs = endMs;
  }
}

/** Promises run to their ends; a replay gives the event loop back now and then. */
async function settle(): Promise<void> {
  for (let turns = 0; turns < 2; turns++) await new Promise((resolve) => setImmediate(resolve));
}

/**
 * The time of one process, which can stand still: then nothing of it runs, and what came meanwhile
 * runs when it goes on, in any order. A process that has crashed runs no more.
 */
export class ProcessClock implements Clock {
  readonly #time: VirtualTime;
  readonly #random: () => number;
  #state: 'running' | 'frozen' | 'crashed' = 'running';
  #backlog: (() => void)[] = [];

  constructor(time: VirtualTime, random: () => number) {
    this.#time = time;
    this.#random = random;
  }

  get isRunning(): boolean {
    return this.#state === 'running';
  }

  get hasCrashed(): boolean {
    return this.#state === 'crashed';
  }

  nowMs(): number {
    return this.#time.nowMs;
  }

  steadyMs(): number {
    return this.nowMs();
  }

  sleep(ms: number, options?: SleepOptions): Promise<void> {
    const signal = options?.signal;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
      this.#time.after(ms, () => this.run(resolve));
    });
  }

  /** Of what is on its way elsewhere: the process may stand still meanwhile. */
  outside(ms: number): Promise<void> {
    return new Promise((resolve) => this.#time.after(ms, resolve));
  }

  /** Something of the process, or something that arrives at it. */
  run(work: () => void): void {
    if (this.#state === 'running') work();
    else if (this.#state === 'frozen') this.#backlog.push(work);
  }

  freeze(): void {
    if (this.#state === 'running') this.#state = 'frozen';
  }

  goOn(): void {
    if (this.#state !== 'frozen') return;
    this.#state = 'running';
    for (const work of this.#backlog.splice(0)) {
      // What was late gets later: commands may come first.
      this.#time.after(Math.floor(this.#random() * 30), () => this.run(work));
    }
  }

  crash(): void {
    this.#state = 'crashed';
    this.#backlog = [];
  }
}
