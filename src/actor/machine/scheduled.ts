import type { AnyActorRef, AnyActorScope, EventObject } from 'xstate';
import { Attached } from '../../runtime/attached.ts';

/** A delayed event that xstate's scheduler holds. */
export interface Scheduled {
  readonly id: string;
  readonly event: EventObject;
  readonly target: AnyActorRef;
  readonly delayMs: number;
  /** When it was scheduled, ms since the epoch. */
  readonly fromMs: number;
}

/** An entry of the scheduler. */
interface Entry {
  readonly id: string;
  readonly source: AnyActorRef;
  readonly target: AnyActorRef;
  readonly event: EventObject;
  readonly delay: number;
}

type Entries = Readonly<Record<string, Entry>>;
type System = AnyActorScope['system'];

const times = new Attached<number>('persistence time');
const watched = new Attached<true>('persistence notes times');

/**
 * Notes when the delayed events of a system are scheduled. xstate notes the time of the process,
 * which need not be that of the actors' clock.
 */
export function watchSchedules(system: System, nowMs: () => number): void {
  if (watched.get(system) === true) return;
  watched.set(system, true);
  const { scheduler } = system;
  const schedule = scheduler.schedule.bind(scheduler);
  scheduler.schedule = (source, target, ...rest) => {
    const [event, delay, id = Math.random().toString(36).slice(2)] = rest;
    schedule(source, target, event, delay, id);
    const entry = entriesOf(system)[`${source.sessionId}.${id}`];
    if (entry !== undefined) times.set(entry, nowMs());
  };
}

/** The delayed events of one actor, in the order in which it scheduled them. */
export function scheduledBy(actor: AnyActorRef): readonly Scheduled[] {
  const own = Object.values(entriesOf(actor.system)).filter(({ source }) => source === actor);
  return own.map((entry) => {
    const { id, event, target, delay: delayMs } = entry;
    return { id, event, target, delayMs, fromMs: times.get(entry) ?? 0 };
  });
}

/** Cancels the delayed events of an actor, and of all actors below it. */
export function cancelDelaysBelow(actor: AnyActorRef): void {
  const { scheduler } = actor.system;
  for (const { source, id } of Object.values(entriesOf(actor.system))) {
    let above: AnyActorRef | undefined = source;
    while (above !== undefined && above !== actor) above = above._parent;
    if (above === actor) scheduler.cancel(source, id);
  }
}

function entriesOf(system: System): Entries {
  const { _snapshot } = system as unknown as {
    readonly _snapshot: { readonly _scheduledEvents: Entries };
  };
  return _snapshot._scheduledEvents;
}
