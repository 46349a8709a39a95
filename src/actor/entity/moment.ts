import { InvalidInputError, RecoveryFailedError } from '../../model/errors.ts';
import { kindOf } from './check-input.ts';

/** A moment in the life of an entity. */
export type Moment =
  /** Right after this event; 0 = before the first one. */
  | { readonly sequenceNr: number }
  /** When everything was applied that was stored by then: a `Date`, or ms since the epoch. */
  | { readonly time: Date | number };

/** Where a replay ends: after this event, or before the first one that was stored later. */
export interface ReplayEnd {
  readonly to: number | undefined;
  readonly untilMs: number | undefined;
}

/** @throws {InvalidInputError} it is no moment */
export function endAt(moment: Moment): ReplayEnd {
  const { sequenceNr, time } = (moment ?? {}) as { sequenceNr?: unknown; time?: unknown };
  if (Number.isSafeInteger(sequenceNr) && Number(sequenceNr) >= 0 && time === undefined) {
    return { to: Number(sequenceNr), untilMs: undefined };
  }
  const untilMs = time instanceof Date ? time.getTime() : time;
  if (sequenceNr === undefined && typeof untilMs === 'number' && !Number.isNaN(untilMs)) {
    return { to: undefined, untilMs };
  }
  const text =
    'a moment must be { sequenceNr: an integer of at least 0 } or { time: a Date or ms }';
  throw new InvalidInputError(`${text}, not ${kindOf(sequenceNr ?? time ?? moment)}`);
}

/** What a replay up to a moment has met. */
export interface Reached {
  /** Number of the last event that was applied. */
  readonly last: number;
  /** Highest number of the journal, as far as it was read. */
  readonly highest: number;
  /** Number of the event before which the replay ended. */
  readonly next: number | undefined;
}

/**
 * @throws {InvalidInputError} the journal has not come to the moment
 * @throws {RecoveryFailedError} the events of the moment are deleted
 */
export function checkReached(
  persistenceId: string,
  { to, untilMs }: ReplayEnd,
  { last, highest, next }: Reached,
): void {
  if (to !== undefined && to > highest) {
    throw new InvalidInputError(
      `${persistenceId} has ${highest} events, so none with number ${to}`,
    );
  }
  // What comes before the first event that is left is not known.
  const isGone = to === undefined ? last === 0 && (next ?? highest + 1) > 1 : last < to;
  if (!isGone) return;
  const date = new Date(untilMs ?? 0);
  // A moment may be after or before all that a `Date` can be.
  const time = Number.isNaN(date.getTime()) ? `${untilMs} ms` : date.toISOString();
  const what = to === undefined ? `until ${time}` : `up to ${to}`;
  throw new RecoveryFailedError(`the events of ${persistenceId} ${what} are deleted`);
}
