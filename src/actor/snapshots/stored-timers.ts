import type { EventObject } from 'xstate';
import { CodecError } from '../../model/errors.ts';
import { readChoice, readCount, readObject, readText } from '../../model/plain-members.ts';
import { isEvent } from '../entity/check-input.ts';
import { fromLossless, toLossless } from '../entity/lossless-form.ts';
import type { PendingTimer, TimerTarget } from '../entity/timers.ts';
import { Timers } from '../entity/timers.ts';
import { EventCoding } from '../evolution/event-coding.ts';
import type { Renaming } from '../evolution/renamed.ts';
import { isReservedType } from '../evolution/reserved-types.ts';
import { isKept, isPacked, type PackedFrom, packEvent, unpackEvent } from './packed-event.ts';

/** A delayed event as a snapshot holds it. */
export interface StoredTimer extends Omit<PendingTimer, 'event'> {
  /** In the form of the event adapters, if there is a manifest. */
  readonly event: unknown;
  /**
   * What the event adapters say of an event of the program that the entity sends to itself. Other
   * events have none, nor have those in snapshots of earlier versions.
   */
  readonly manifest?: string;
}

/**
 * The delayed events for a snapshot with this number. A later version of the program may apply its
 * own events in them, so these go through the adapters, as in the journal. One that the program
 * itself would read as several stays as it is: else it could not use its own snapshot, and the
 * events before that may be deleted.
 *
 * @throws what an adapter throws
 */
export function toStoredTimers(
  timers: Timers,
  { persistenceId, coding, seqNr }: PackedFrom,
): readonly StoredTimer[] {
  return timers.entries().map((timer) => {
    const { event, target } = timer;
    if (target.type !== 'self' || isReservedType(event.type)) return timer;
    if (coding === undefined) return { ...timer, manifest: '' };
    const { value, manifest } = coding.adapt(event);
    if (coding.restore(value, manifest, seqNr).length !== 1) return timer;
    if (isKept(value)) return { ...timer, event: value, manifest };
    const kept = packEvent(event, { persistenceId, coding, seqNr });
    return kept === event ? timer : { ...timer, event: kept, manifest: '' };
  });
}

/** @throws {WriteRejectedError} JSON cannot hold something in it; names the place */
export function timerToJson(timer: StoredTimer): unknown {
  return toLossless(timer, `the timer "${timer.id}"`);
}

/** @throws {CodecError} it is not what `timerToJson` gives; names the member */
export function timerOfJson(json: unknown, at: string): StoredTimer {
  const members = readObject(fromLossless(json), at);
  const { event, delayMs, manifest } = members;
  const target = readObject(members.target, `${at}.target`);
  if (typeof delayMs !== 'number') throw new CodecError(`${at}.delayMs is no number`);
  if (manifest === undefined && !isEvent(event)) throw new CodecError(`${at}.event is no event`);
  readChoice(target.type, ['self', 'child', 'parent', 'other'], `${at}.target.type`);
  return {
    id: readText(members.id, `${at}.id`),
    event,
    target: target as unknown as TimerTarget,
    delayMs,
    fromMs: readCount(members.fromMs, `${at}.fromMs`),
    isCancelled: members.isCancelled === true,
    ...(manifest !== undefined && { manifest: readText(manifest, `${at}.manifest`) }),
  };
}

/** How the delayed events of a snapshot are read. */
export interface TimerReading extends PackedFrom {
  readonly renaming: Renaming | undefined;
}

/**
 * The delayed events of a snapshot as events of today, under their names of today. An event for
 * which the adapters give none any more is left out.
 *
 * @throws {CodecError} one cannot be read, or is several events today: a timer has one
 */
export function ofStoredTimers(stored: readonly StoredTimer[], reading: TimerReading): Timers {
  const { persistenceId, renaming, seqNr } = reading;
  const coding = reading.coding ?? EventCoding.none(persistenceId);
  const eventsOf = ({ id, event, manifest, target }: StoredTimer): readonly unknown[] => {
    if (isPacked(event))
      return unpackEvent(event, `the timer "${id}"`, { persistenceId, coding, seqNr });
    if (manifest !== undefined) return coding.restore(event, manifest, seqNr);
    // What other actors are sent goes by their names.
    const isOwn = target.type === 'self' && renaming !== undefined;
    return [isOwn ? renaming.eventOf(event as EventObject) : event];
  };
  const pending = stored.flatMap((one): readonly PendingTimer[] => {
    const events = eventsOf(one);
    if (events.length === 0) return [];
    const [event] = events;
    if (events.length > 1 || !isEvent(event)) {
      throw new CodecError(`the event of the timer "${one.id}" is not read as one event`);
    }
    const { manifest: _, id, target, ...timer } = one;
    const isRenamed = renaming !== undefined && target.type === 'child';
    return [
      {
        ...timer,
        id: renaming?.timerOf(id) ?? id,
        event,
        target: isRenamed ? { ...target, id: renaming.actorOf(target.id) } : target,
      },
    ];
  });
  return Timers.of(pending);
}
