import type { EventObject } from 'xstate';
import { longestTimeoutMs } from '../../runtime/alarms.ts';
import { isSame } from './check-same.ts';

/** Whom a delayed event goes to. */
export type TimerTarget =
  | { readonly type: 'self' }
  /**
   * Another child may have the id by now, so `InvokedWork.madeBy` says which one is meant. Absent
   * in snapshots of earlier versions.
   */
  | { readonly type: 'child'; readonly id: string; readonly madeBy?: string | undefined }
  | { readonly type: 'parent' }
  | { readonly type: 'other' };

/** What an event does to a timer of its entity. */
export type TimerChange =
  | {
      readonly type: 'schedule';
      /** `undefined` when the user gave none. */
      readonly id: string | undefined;
      readonly event: EventObject;
      readonly target: TimerTarget;
      readonly delayMs: number;
    }
  | { readonly type: 'cancel'; readonly id: string };

/** A delayed event that has neither fired nor been cancelled. */
export interface Timer {
  /** Several timers may have one id. */
  readonly id: string;
  /** Its name in the scheduler: no other timer of the process has it. */
  readonly key: string;
  readonly event: EventObject;
  readonly target: TimerTarget;
  readonly delayMs: number;
  /** When it was scheduled, ms since the epoch. */
  fromMs: number;
}

/** A delayed event as a snapshot keeps it. */
export interface PendingTimer extends Omit<Timer, 'key'> {
  /** The one with its id that `cancel` ends. */
  readonly isCancelled: boolean;
}

/** One event as it is applied, and the delays that were stored with it. */
export interface LiveStep {
  readonly seqNr: number;
  /** See `Step.part`; 0 unless given. */
  readonly part?: number;
  readonly delaysMs: readonly (number | null)[];
}

/** How a change is to be carried out. */
export interface LiveChange {
  /** The timer's name in the scheduler; `undefined` when the change is left to xstate. */
  readonly key: string | undefined;
  /** What was stored of the delay; 0 for a cancellation. */
  readonly delayMs: number;
}

let timersOfProcess = 0;

function nextKey(): string {
  return `timer-${++timersOfProcess}`;
}

/** What to store of the timers that an event arms; `undefined` when it arms none. */
export function delaysOf(changes: readonly TimerChange[]): readonly (number | null)[] | undefined {
  const delaysMs: (number | null)[] = [];
  for (const change of changes) {
    if (change.type === 'cancel') continue;
    delaysMs.push(Number.isFinite(change.delayMs) ? change.delayMs : null);
  }
  return delaysMs.length === 0 ? undefined : delaysMs;
}

/** What most events store of delays. */
export const noDelays: readonly never[] = [];

/** They stay empty. */
const noTimers = new Set<Timer>();
const noIds = new Map<string, Timer>();
const noStep: LiveStep = { seqNr: 0, delaysMs: noDelays };

/**
 * The delayed events of one entity that have neither fired nor been cancelled. xstate neither
 * stores nor restores them, so they are followed from the actions of each event, live and in
 * replay alike.
 */
export class Timers {
  #armed = noTimers;
  /**
   * The timer that `cancel` ends: the one that took the id last, as long as none with the id has
   * fired. xstate lets the others fire, so they are kept as well.
   */
  #byId = noIds;
  #step = noStep;
  #changesOfStep = 0;
  #armedInStep = 0;
  /** What the next event has to store as its fact `stillMs`; 0 = nothing. */
  stillMs = 0;

  get size(): number {
    return this.#armed.size;
  }

  /** The event with this number is about to be applied for good. */
  beginStep(step: LiveStep): void {
    this.#step = step;
    this.#changesOfStep = 0;
    this.#armedInStep = 0;
  }

  /**
   * Notes a change of the live entity. Answers the delay that was stored, since a delay
   * expression may give another value at each call, and the key of a timer that is followed: one
   * of its own, or one that Node cannot hold. Others are left to xstate.
   */
  noteLive(change: TimerChange, nowMs: number): LiveChange {
    const fallbackId = `${stepName(this.#step.seqNr, this.#step.part)}.${this.#changesOfStep++}`;
    if (change.type === 'cancel') return { key: this.#cancel(change.id)?.key, delayMs: 0 };
    const delayMs = this.#step.delaysMs[this.#armedInStep++] ?? change.delayMs;
    const isFollowed = change.target.type === 'self' || delayMs > longestTimeoutMs;
    if (isFollowed)
      return { key: this.#arm({ ...change, delayMs }, fallbackId, nowMs).key, delayMs };
    // From now on the id is that of a timer which xstate knows.
    if (change.id !== undefined) this.#byId.delete(change.id);
    return { key: undefined, delayMs };
  }

  /**
   * Notes what one event did to the timers, with the delays that were stored with it. A timer
   * without id gets one from the number of its event, the same in every replay.
   */
  note(changes: readonly TimerChange[], { seqNr, part, delaysMs }: LiveStep, atMs: number): void {
    const name = stepName(seqNr, part);
    let armed = 0;
    for (const [i, change] of changes.entries()) {
      if (change.type === 'cancel') {
        this.#cancel(change.id);
        continue;
      }
      const delayMs = delaysMs[armed++] ?? change.delayMs;
      this.#arm({ ...change, delayMs }, `${name}.${i}`, atMs);
    }
  }

  add(timer: Timer): void {
    this.#open();
    this.#armed.add(timer);
    this.#byId.set(timer.id, timer);
  }

  /**
   * One of the entity's own timers with the id has fired, with this event. Delayed messages to
   * other actors may have the same id; the journal does not say when they were sent. Several own
   * timers may have it, too. The event says which one fired, not the deadline: the process that
   * armed them counted from the answers of the journal, and a replay counts from when their events
   * were stored.
   */
  removeFired(id: string, event: EventObject): void {
    const mayBe = (timer: Timer) => timer.id === id && timer.target.type === 'self';
    const fired =
      earliest(this.#armed, (timer) => mayBe(timer) && isSame(timer.event, event)) ??
      earliest(this.#armed, mayBe);
    if (fired !== undefined) this.remove(fired);
  }

  /** It has fired, or is gone. */
  remove(timer: Timer): void {
    this.#armed.delete(timer);
    this.#byId.delete(timer.id);
  }

  get(key: string): Timer | undefined {
    return earliest(this.#armed, (timer) => timer.key === key);
  }

  /**
   * The timer whose very event object this is: callers may send an event of the same type by hand.
   */
  firedBy(event: EventObject): Timer | undefined {
    if (this.#armed.size === 0) return undefined;
    return earliest(this.#armed, (timer) => timer.event === event && timer.target.type === 'self');
  }

  /** A message to another actor that was due by then left with an earlier incarnation. */
  forgetSent(lastEventMs: number): void {
    for (const timer of this.#armed) {
      if (timer.target.type !== 'self' && dueMs(timer) <= lastEventMs) this.#armed.delete(timer);
    }
  }

  /** Moves the deadlines of all timers: time stood still for `ms`. */
  standStill(ms: number): void {
    for (const timer of this.#armed) timer.fromMs += ms;
  }

  /**
   * A recovery starts them after time stood still for `ms`. Unless the next event stores that, a
   * later recovery counts the pause as time that has passed. There may be none, and children with
   * delayed events of their own.
   */
  goOn(ms: number): void {
    this.standStill(ms);
    this.stillMs = ms;
  }

  /** The earliest deadline first. Which of those with one id `cancel` ends, is another matter. */
  pending(): readonly Timer[] {
    return [...this.#armed].sort((a, b) => dueMs(a) - dueMs(b));
  }

  /** Whether one is due within `ms` of `nowMs`. */
  isDueWithin(ms: number, nowMs: number): boolean {
    for (const timer of this.#armed) if (dueMs(timer) <= nowMs + ms) return true;
    return false;
  }

  /** The timers after a further event, which is not applied yet; these stay as they are. */
  after(changes: readonly TimerChange[], step: LiveStep, atMs: number): Timers {
    if (changes.length === 0) return this;
    const after = this.copy();
    after.note(changes, step, atMs);
    return after;
  }

  copy(): Timers {
    const copy = new Timers();
    if (this.#armed.size === 0) return copy;
    copy.#open();
    for (const timer of this.#armed) {
      const own = { ...timer };
      copy.#armed.add(own);
      if (this.#byId.get(timer.id) === timer) copy.#byId.set(timer.id, own);
    }
    return copy;
  }

  /** All of them, in the order in which they were armed. */
  entries(): readonly PendingTimer[] {
    return [...this.#armed].map((timer) => {
      const { key: _, ...entry } = timer;
      return { ...entry, isCancelled: this.#byId.get(timer.id) === timer };
    });
  }

  static of(entries: readonly PendingTimer[]): Timers {
    const timers = new Timers();
    if (entries.length > 0) timers.#open();
    for (const { isCancelled, ...entry } of entries) {
      const timer = { ...entry, key: nextKey() };
      timers.#armed.add(timer);
      if (isCancelled) timers.#byId.set(timer.id, timer);
    }
    return timers;
  }

  /**
   * When the next one is due whose event a recovery would send, ms since the epoch; `undefined` =
   * none is armed.
   */
  nextWakeMs(): number | undefined {
    const next = earliest(this.#armed, ({ target }) => target.type !== 'other');
    return next === undefined ? undefined : dueMs(next);
  }

  /** When the next one is due, ms since the epoch; `undefined` = none is armed. */
  nextDueMs(): number | undefined {
    const next = earliest(this.#armed, () => true);
    return next === undefined ? undefined : dueMs(next);
  }

  /** Most entities never have a timer, and two collections would be a tenth of their memory. */
  #open(): void {
    if (this.#armed !== noTimers) return;
    this.#armed = new Set();
    this.#byId = new Map();
  }

  #cancel(id: string): Timer | undefined {
    const timer = this.#byId.get(id);
    if (timer !== undefined) this.remove(timer);
    return timer;
  }

  #arm({ id, event, target, delayMs }: Schedule, fallbackId: string, fromMs: number): Timer {
    const timer: Timer = { id: id ?? fallbackId, key: nextKey(), event, target, delayMs, fromMs };
    this.add(timer);
    return timer;
  }
}

/** What the ids begin with that an event gives away: the same live and in each replay. */
export function stepName(seqNr: number, part = 0): string {
  return part === 0 ? `#${seqNr}` : `#${seqNr}+${part}`;
}

type Schedule = Extract<TimerChange, { type: 'schedule' }>;

function earliest(timers: Iterable<Timer>, is: (timer: Timer) => boolean): Timer | undefined {
  let first: Timer | undefined;
  for (const timer of timers) {
    if (is(timer) && (first === undefined || dueMs(timer) < dueMs(first))) first = timer;
  }
  return first;
}

/** When the timer fires, ms since the epoch. A delay that is no number ends at once, as in Node. */
export function dueMs({ fromMs, delayMs }: Timer): number {
  return Number.isNaN(delayMs) ? fromMs : fromMs + delayMs;
}
