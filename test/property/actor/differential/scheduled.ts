import type { AnyActorRef } from 'xstate';
import type { SimulatedTime } from './simulated-time.ts';
import type { PendingEvent } from './view.ts';

interface Scheduler {
  schedule: (
    source: AnyActorRef,
    target: AnyActorRef,
    event: { readonly type: string },
    delay: number,
    ...id: string[]
  ) => void;
}

interface SystemInside {
  readonly scheduler: Scheduler;
  _relay: (source: unknown, target: unknown, event: unknown) => void;
}

/** What xstate's types do not show of an actor system. */
export function insideOf(actor: AnyActorRef): SystemInside {
  return actor.system as unknown as SystemInside;
}

/**
 * Notes each delayed event of a system: xstate keeps its start by the wall clock, and forgets one whose id is used again
 * though it fires. Call it before the actor starts.
 */
export function watchSchedule(actor: AnyActorRef, time: SimulatedTime): () => readonly PendingEvent[] {
  const { scheduler } = insideOf(actor);
  const { schedule } = scheduler;
  const events = new Map<number, PendingEvent>();
  scheduler.schedule = (source, target, event, delay, ...id) => {
    schedule(source, target, event, delay, ...id);
    events.set(time.lastId, {
      ...{ source, target, event, alarm: time.lastId, dueMs: time.nowMs() + delay },
    });
  };
  return () => {
    for (const alarm of events.keys()) if (!time.has(alarm)) events.delete(alarm);
    return [...events.values()];
  };
}
