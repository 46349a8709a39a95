import type { Offset, Partition, Topic } from './position.ts';

/**
 * What a journal's entity waits for after an append (docs/format.md#wake-ups): the time of its
 * earliest timer in ms since the epoch, work that begins at once, or nothing. Where an append does
 * not say it, what was said before still holds.
 */
export type Wake = number | 'now' | 'none';

/** The latest time that a `Date` can hold. */
export const maxWakeMs = 8.64e15;

/** Questions about what an append says. */
export const Wake = {
  /** Whether a header can hold it. */
  is(value: unknown): value is Wake {
    if (value === 'now' || value === 'none') return true;
    return Number.isSafeInteger(value) && 0 <= Number(value) && Number(value) <= maxWakeMs;
  },

  /** What is wrong with a value that is none. */
  mustBe: 'must be "now", "none" or a time in 0..8640000000000000 ms',
};

/**
 * Why an entity is woken: a timer ends at that time; it had work to do at once; or nobody knows, so
 * it has to be looked at.
 */
export type WakeUpReason = 'time' | 'now' | 'unknown';

/**
 * So long before its time an entity is opened: its recovery is over then, and the timer of the
 * entity itself fires in time.
 */
export const openAheadMs = 2_000;

/**
 * Which entity has to be woken, when. It is a hint: whoever wakes the entity looks at its state.
 */
export interface WakeUp {
  /** Ms since the epoch. */
  readonly dueMs: number;
  readonly reason: WakeUpReason;
  /** The place of the append that said it. */
  readonly offset: Offset;
}

/**
 * What is known of an entity that was opened: `idle` = it has recovered, and nothing happens to it
 * before its next command; `awake` = it may wait for something, or is not known here.
 */
export type Woken = 'idle' | 'awake';

/** The wake-up of one journal of a partition. */
export interface WakeUpEntry extends WakeUp {
  readonly id: string;
}

/** What becomes of the wake-up of a journal; a removal names the record that it follows from. */
export type WakeUpChange =
  | { readonly type: 'set'; readonly wakeUp: WakeUp }
  | { readonly type: 'remove'; readonly offset: Offset };

/**
 * The name under which the table of how far wake-ups are complete has a request for the partitions
 * of a topic: up to which offset an operator wants them rebuilt. No topic has a `/` in its name.
 */
export function rebuildOf(topic: Topic): Topic {
  return `rebuild/${topic}` as Topic;
}

/** The wake-ups of one partition. */
export interface WakeUpPlace {
  readonly topic: Topic;
  readonly partition: Partition;
}
