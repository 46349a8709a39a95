import type { EventObject } from 'xstate';

/** Node fires anything above this at once. */
export const longestTimeoutMs = 2 ** 31 - 1;

/** Whom a delayed event goes to. */
export type TimerTarget =
  | { readonly type: 'self' }
  | { readonly type: 'child'; readonly id: string }
  | { readonly type: 'parent' }
  | { readonly type: 'other' };

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

export interface Timer {
  readonly id: string;
  readonly event: EventObject;
  readonly target: TimerTarget;
  readonly delayMs: number;
  /** When it was scheduled, ms since the epoch. */
  readonly fromMs: number;
}

/**
 * The delayed events of one entity that have neither fired nor been cancelled. xstate neither
 * stores nor restores them, so they are followed from the actions of each event, live and in replay
 * alike.
 */
export class Timers {
  readonly #armed = new Map<string, Timer>();
  #stepSeqNr = 0;
  #stepIndex = 0;

  get size(): number {
    return this.#armed.size;
  }

  /** The event with this number is about to be applied for good. */
  beginStep(seqNr: number): void {
    this.#stepSeqNr = seqNr;
    this.#stepIndex = 0;
  }

  /**
   * Notes a change of the live entity and answers the id of a timer that is followed: one of its
   * own, or one that Node cannot hold. Others are left to xstate.
   */
  noteLive(change: TimerChange, nowMs: number): string | undefined {
    const fallbackId = `#${this.#stepSeqNr}.${this.#stepIndex++}`;
    const isOwn = change.type === 'cancel' || change.target.type === 'self';
    if (!isOwn && change.delayMs <= longestTimeoutMs) return undefined;
    return this.#noteOne(change, fallbackId, nowMs)?.id;
  }

  /**
   * Notes what one event did to the timers. A timer without id gets one from the number of its
   * event, the same in every replay.
   */
  note(changes: readonly TimerChange[], seqNr: number, atMs: number): void {
    for (let i = 0; i < changes.length; i++) {
      const change = changes[i];
      if (change !== undefined) this.#noteOne(change, `#${seqNr}.${i}`, atMs);
    }
  }

  add(timer: Timer): void {
    // A rescheduled timer takes its place in the order again.
    this.#armed.delete(timer.id);
    this.#armed.set(timer.id, timer);
  }

  /** It has fired, or is gone. */
  remove(id: string): Timer | undefined {
    const timer = this.#armed.get(id);
    this.#armed.delete(id);
    return timer;
  }

  get(id: string): Timer | undefined {
    return this.#armed.get(id);
  }

  /**
   * The timer whose very event object this is: callers may send an event of the same type by hand.
   */
  firedBy(event: EventObject): Timer | undefined {
    if (this.#armed.size === 0) return undefined;
    for (const timer of this.#armed.values()) {
      if (timer.event === event && timer.target.type === 'self') return timer;
    }
    return undefined;
  }

  /**
   * What to arm after a replay, earliest deadline first. A message to another actor that was due
   * before the last stored event left with an earlier incarnation.
   */
  pending(lastEventMs: number): readonly Timer[] {
    return [...this.#armed.values()]
      .filter((timer) => timer.target.type === 'self' || dueMs(timer) > lastEventMs)
      .sort((a, b) => dueMs(a) - dueMs(b));
  }

  /** Whether one is due within `ms` of `nowMs`. */
  isDueWithin(ms: number, nowMs: number): boolean {
    for (const timer of this.#armed.values()) if (dueMs(timer) <= nowMs + ms) return true;
    return false;
  }

  /** When the next one is due, ms since the epoch; `undefined` = none is armed. */
  nextDueMs(): number | undefined {
    let nextMs: number | undefined;
    for (const timer of this.#armed.values()) {
      if (nextMs === undefined || dueMs(timer) < nextMs) nextMs = dueMs(timer);
    }
    return nextMs;
  }

  #noteOne(change: TimerChange, fallbackId: string, atMs: number): Timer | undefined {
    if (change.type === 'cancel') {
      this.#armed.delete(change.id);
      return undefined;
    }
    const { event, target, delayMs } = change;
    const timer: Timer = { id: change.id ?? fallbackId, event, target, delayMs, fromMs: atMs };
    this.add(timer);
    return timer;
  }
}

export function dueMs(timer: Timer): number {
  return timer.fromMs + timer.delayMs;
}
