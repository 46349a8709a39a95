import type { AnyActorRef, EventObject } from 'xstate';
import type { SimulatedTime } from './simulated-time.ts';
import type { PendingEvent } from './view.ts';

type Scheduling = [
  source: AnyActorRef,
  target: AnyActorRef,
  event: EventObject,
  delay: number,
  id?: string,
];

interface SystemInside {
  readonly scheduler: { schedule: (...scheduling: Scheduling) => void };
  _relay: (source: AnyActorRef | undefined, target: AnyActorRef, event: EventObject) => void;
}

/** What xstate's types do not show of an actor system. */
export function insideOf(actor: AnyActorRef): SystemInside {
  return actor.system as unknown as SystemInside;
}

/**
 * Notes each delayed event of a system: xstate keeps its start by the wall clock, and forgets one
 * whose id is used again though it fires. Call it before the actor starts.
 */
export function watchSchedule(
  actor: AnyActorRef,
  time: SimulatedTime,
): () => readonly PendingEvent[] {
  const { scheduler } = insideOf(actor);
  const { schedule } = scheduler;
  const events = new Map<number, PendingEvent>();
  scheduler.schedule = (...scheduling) => {
    schedule(...scheduling);
    const [source, target, event, delay, id] = scheduling;
    const alarm = time.lastId;
    events.set(alarm, { source, target, event, alarm, id, dueMs: time.nowMs() + delay });
  };
  return () => {
    for (const alarm of events.keys()) if (!time.has(alarm)) events.delete(alarm);
    return [...events.values()];
  };
}
