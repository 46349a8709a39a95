import type { AnyActorRef } from 'xstate';
import type { SimulatedTime } from './simulated-time.ts';
import type { PendingEvent } from './view.ts';

interface Scheduler {
  schedule: (
    source: AnyActorRef,
    target: AnyActorRef,
    event: { readonly type: string },
    delay: number,
    id?: string,
  ) => void;
}

interface SystemInside {
  readonly scheduler: Scheduler;
  _relay: (source: unknown, target: unknown, event: unknown) => void;
  getSnapshot(): { readonly _scheduledEvents: Readonly<Record<string, object>> };
}

/** What xstate's types do not show of an actor system. */
export function insideOf(actor: AnyActorRef): SystemInside {
  return actor.system as unknown as SystemInside;
}

/**
 * Notes when each delayed event of a system is due: xstate keeps the start of it by the wall clock. Call it before the
 * actor starts.
 */
export function watchSchedule(
  actor: AnyActorRef,
  time: SimulatedTime,
): () => readonly PendingEvent[] {
  const system = insideOf(actor);
  const { scheduler } = system;
  const schedule = scheduler.schedule;
  const dueMs = new WeakMap<object, number>();
  scheduler.schedule = (source, target, event, delay, id = `none ${Math.random()}`) => {
    schedule(source, target, event, delay, id);
    const scheduled = system.getSnapshot()._scheduledEvents[`${source.sessionId}.${id}`];
    if (scheduled !== undefined) dueMs.set(scheduled, time.nowMs() + delay);
  };
  return () =>
    Object.values(system.getSnapshot()._scheduledEvents).map((scheduled) => ({
      ...(scheduled as Omit<PendingEvent, 'dueMs'>),
      dueMs: dueMs.get(scheduled) ?? -1,
    }));
}
