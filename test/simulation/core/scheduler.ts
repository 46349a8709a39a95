import { WriteRejectedError } from '../../../src/model/errors.ts';
import type { Clock } from '../../../src/runtime/clock.ts';
import { clocksApartMs } from '../../support/clocks-apart.ts';
import { drainMicrotasks } from './drain.ts';
import type { Random } from './random.ts';
import { VirtualTimers } from './virtual-timers.ts';

/** A process of the simulated system: what it remembers dies with it, what it sent may not. */
export class SimulatedProcess {
  readonly name: string;
  isDead = false;
  /** Stopped (SIGSTOP): it goes on later, believing that no time has passed. */
  isFrozen = false;
  /** It was stopped at some time. */
  stoodStill = false;
  /** Of each of its calls: others go first for long, as with `stall` for all. */
  dawdling = 0;

  constructor(name: string) {
    this.name = name;
  }
}

/** One call that left a process: applied at the server at one moment, answered at a later one. */
export interface Call<T> {
  readonly process: SimulatedProcess;
  /** For the trace; asked only when it is written. */
  readonly label: () => string;
  /** What the server does. */
  readonly apply: () => T;
  /** The error of a call that is made to fail; absent = it never fails. */
  readonly fault?: () => Error;
  /** It changes something, so it may have been applied although it failed. Default false. */
  readonly isWrite?: boolean;
}

export interface FaultRates {
  /** Of each call: it fails. */
  readonly failure: number;
  /** Of each call: the answer takes longer than the work. */
  readonly slowAnswer: number;
  /** Of each call: others go first for long. */
  readonly stall: number;
  /** Most steps by which a call comes late that its caller has given up; default none. */
  readonly maxLate?: number;
  /** Most virtual milliseconds between two steps. */
  readonly maxStepMs: number;
  /** First letter of the processes that come last more often than not; none = all alike. */
  readonly slow: string;
}

/** Of a step of a slow process: another one is tried instead. */
const slowness = 0.8;

/** Steps that a call is held up for at most when it stalls. */
const maxStall = 80;

interface Step {
  readonly process: SimulatedProcess;
  /** Not taken before so many steps, if others can be. */
  readonly notBefore: number;
  readonly run: () => void;
  /** The call, while it is still to be applied at the server. */
  readonly unapplied: Call<unknown> | undefined;
  /** Its caller has given it up. */
  readonly isLate?: boolean;
}

const startMs = Date.UTC(2026, 0, 1);

/** A timer that fires in a frozen process looks again after so long. */
const frozenLookMs = 1_000;

/**
 * All concurrency of a simulated system. Whatever a process waits for is a step in here, and the
 * seed decides which step comes next, how long it takes and whether it fails:
 *
 *     process ── call ──▶ [ steps ] ── one at random ──▶ applied ──▶ answered ── microtasks ──▶ …
 */
export class Scheduler {
  readonly timers = new VirtualTimers();
  readonly random: Random;
  nowMs = startMs;
  rates: FaultRates;
  /** Steps taken. */
  count = 0;
  /** Equal for equal histories. */
  hash = 0;
  /** What is applied at the moment was given up by its caller. */
  isLate = false;
  /** Lines of what happened; `undefined` = not wanted. */
  readonly trace: string[] | undefined;
  /** Asked at each call: whether its process dies at it, and on which side. */
  deathAt: ((process: SimulatedProcess) => 'before' | 'after' | undefined) | undefined;
  /** Asked when a call is sent: for how many steps others go first, as far as they can. */
  heldFor: ((process: SimulatedProcess) => number) | undefined;
  /** Ends a process that dies at a call, and starts another one. */
  onDeath: (process: SimulatedProcess) => void = () => {};
  #steps: Step[] = [];

  constructor(random: Random, rates: FaultRates, options: { readonly trace: boolean }) {
    this.random = random;
    this.rates = rates;
    this.trace = options.trace ? [] : undefined;
  }

  clockOf(process: SimulatedProcess): Clock {
    return {
      nowMs: () => this.nowMs,
      steadyMs: () => this.nowMs - clocksApartMs,
      sleep: (ms, options) => this.#sleep(process, ms, options?.signal),
    };
  }

  #sleep(process: SimulatedProcess, ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const abort = (): void => {
        this.timers.remove(timer);
        reject(signal?.reason);
      };
      const wake = (): void => {
        if (process.isDead) return;
        if (process.isFrozen) {
          timer = this.timers.add(this.nowMs + frozenLookMs, wake);
          return;
        }
        signal?.removeEventListener('abort', abort);
        resolve();
      };
      let timer = this.timers.add(this.nowMs + Math.ceil(ms), wake);
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  /** Calls `run` when so much time has passed. */
  after(ms: number, run: () => void): void {
    this.timers.add(this.nowMs + ms, run);
  }

  note(line: () => string): void {
    this.trace?.push(`${String(this.nowMs - startMs).padStart(8)} ${line()}`);
  }

  /** Mixes something observed into the hash. */
  observe(value: number): void {
    this.hash = (Math.imul(this.hash ^ value, 0x0100_0193) + (value >>> 7)) | 0;
  }

  /** Whether a call is still to arrive that its caller has given up. */
  get owesCalls(): boolean {
    return this.#steps.some(({ isLate }) => isLate);
  }

  /** The answer of a server; never, when the process dies first. */
  call<T>(call: Call<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const { process } = call;
      if (process.isDead) return;
      const settle = { resolve, reject };
      const run = (): void => this.#perform(call, settle);
      this.#steps.push({ process, notBefore: this.#stalledUntil(process), run, unapplied: call });
    });
  }

  #stalledUntil(process: SimulatedProcess): number {
    const held = this.heldFor?.(process) ?? 0;
    if (held > 0) return this.count + held;
    const { random, rates } = this;
    const stall = Math.max(rates.stall, process.dawdling);
    if (stall === 0 || !random.chance(stall)) return 0;
    return this.count + random.int(1, maxStall);
  }

  #perform<T>(call: Call<T>, settle: Settle<T>): void {
    const { random, rates } = this;
    const death = this.deathAt?.(call.process);
    if (death === 'after') call.apply();
    if (death !== undefined) {
      this.onDeath(call.process);
      return;
    }
    if (call.fault !== undefined && random.chance(rates.failure)) {
      this.#fail(call, call.fault(), settle);
      return;
    }
    this.note(() => `${call.process.name} ${call.label()}`);
    let answer: () => void;
    try {
      const result = call.apply();
      answer = () => settle.resolve(result);
    } catch (error) {
      answer = () => settle.reject(error);
    }
    if (random.chance(rates.slowAnswer)) this.#answerLater(call, answer);
    else answer();
  }

  #answerLater<T>({ process, label }: Call<T>, answer: () => void): void {
    const run = (): void => {
      this.note(() => `${process.name} answer of ${label()}`);
      answer();
    };
    this.#steps.push({ process, notBefore: 0, run, unapplied: undefined });
  }

  /** Not applied; or applied and nobody told; or applied after the caller gave up. */
  #fail<T>(call: Call<T>, error: Error, settle: Settle<T>): void {
    const mayBeApplied = call.isWrite === true && !(error instanceof WriteRejectedError);
    const fate = mayBeApplied ? this.random.int(0, 2) : 0;
    const how = ['not applied', 'applied', 'applied later'][fate];
    this.note(() => `${call.process.name} FAILS (${how}) ${call.label()}`);
    if (fate === 1) call.apply();
    if (fate === 2) this.#addOrphan(call);
    settle.reject(error);
  }

  #addOrphan({ process: { name }, label, apply }: Call<unknown>): void {
    const process = new SimulatedProcess(`(${name})`);
    const run = (): void => {
      this.note(() => `${process.name} late: ${label()}`);
      this.isLate = true;
      apply();
      this.isLate = false;
    };
    const { maxLate = 0 } = this.rates;
    const notBefore = maxLate === 0 ? 0 : this.count + this.random.int(0, maxLate);
    this.#steps.push({ process, notBefore, run, unapplied: undefined, isLate: true });
  }

  /** The process dies: each call on its way is applied later or never, and no answer arrives. */
  kill(process: SimulatedProcess): void {
    process.isDead = true;
    const left = this.#steps.filter((step) => step.process === process);
    this.#steps = this.#steps.filter((step) => step.process !== process);
    for (const { unapplied } of left) {
      if (unapplied?.isWrite === true && this.random.chance(0.5)) this.#addOrphan(unapplied);
    }
  }

  /**
   * One step, or the next timer when nothing else can go on; false when nothing is left to do. No
   * microtask is waiting before it and none after it.
   */
  step(): boolean {
    this.count++;
    this.nowMs += this.random.int(1, this.rates.maxStepMs);
    if (this.#fireDue()) return true;
    const step = this.#take();
    if (step !== undefined) {
      this.observe(this.count ^ this.nowMs);
      step.run();
      drainMicrotasks();
      return true;
    }
    return this.#skipToTimer();
  }

  #take(): Step | undefined {
    const steps = this.#steps;
    if (steps.length === 0) return undefined;
    let index = Math.floor(this.random.next() * steps.length);
    if (steps[index]?.process.name[0] === this.rates.slow && this.random.chance(slowness)) {
      index = Math.floor(this.random.next() * steps.length);
    }
    index = this.#firstReady(index);
    if (index < 0) return undefined;
    const step = steps[index];
    const last = steps.pop();
    if (last !== undefined && index < steps.length) steps[index] = last;
    return step;
  }

  /**
   * The first from `index` on that is not held up; or one that is stalled, when nothing else can go
   * on.
   */
  #firstReady(index: number): number {
    const steps = this.#steps;
    let stalled = -1;
    for (let tries = 0; tries < steps.length; tries++) {
      const at = (index + tries) % steps.length;
      const step = steps[at] as Step;
      if (step.process.isFrozen) continue;
      if (step.notBefore <= this.count) return at;
      if (stalled < 0) stalled = at;
    }
    return stalled;
  }

  #fireDue(): boolean {
    let fired = false;
    for (let run = this.timers.takeDue(this.nowMs); run !== undefined; ) {
      run();
      drainMicrotasks();
      fired = true;
      run = this.timers.takeDue(this.nowMs);
    }
    return fired;
  }

  #skipToTimer(): boolean {
    const due = this.timers.nextDueMs;
    if (due === undefined) return false;
    this.nowMs = Math.max(this.nowMs, due);
    this.observe(this.nowMs);
    return this.#fireDue();
  }
}

interface Settle<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}
