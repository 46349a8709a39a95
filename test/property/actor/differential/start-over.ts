import type { AnyActorRef, AnyMachineSnapshot } from 'xstate';
import type { Context } from './build-machine.ts';
import type { Differences } from './differences.ts';
import type { Lab } from './lab.ts';
import { insideOf } from './scheduled.ts';
import type { SimulatedTime } from './simulated-time.ts';
import type { PendingEvent } from './view.ts';

export interface Restarted {
  readonly actor: AnyActorRef;
  readonly lab: Lab;
  readonly time: SimulatedTime;
  readonly pending: () => readonly PendingEvent[];
  /** Every child that was ever made. */
  readonly children: Iterable<AnyActorRef>;
  /** Delayed events to children that have left. */
  readonly sent: readonly PendingEvent[];
}

interface ActorInside {
  _snapshot: unknown;
  _processingStatus: number;
  readonly mailbox: { _active: boolean; start(): void };
  _stop(): void;
  _initState(): void;
  start(): void;
}

const notStarted = 0;
const running = 1;

/**
 * Does to a plain actor what a restart does to a persistent one, on purpose: each line in the name of a row of
 * docs/differences.md. What no row names stays as it was.
 */
export function startOver(
  run: Restarted,
  { differences, lastStoredMs, downMs }: {
    readonly differences: Differences;
    readonly lastStoredMs: number;
    readonly downMs: number;
  },
): void {
  const { actor, lab, time } = run;
  const snapshot = actor.getSnapshot() as AnyMachineSnapshot;
  if (snapshot.status !== 'active') {
    lab.muted = false;
    time.jump(downMs);
    return;
  }
  const children = Object.values(snapshot.children) as AnyActorRef[];
  lab.muted = true;
  stopOrphans(run, children, differences);
  forgetStopped(actor, children, differences);
  const active = children.filter((child) => child.getSnapshot()?.status === 'active');
  for (const child of active) insideChild(child)._stop();
  lab.muted = false;
  time.jump(downMs);
  const timers = timersToArm(run, children, { differences, lastStoredMs });
  time.forgetAlarms();
  const { mailbox } = insideChild(actor);
  mailbox._active = false;
  for (const child of active) {
    differences.use(isWork(child) ? 'unfinished-work-runs-again' : 'child-state-starts-over');
    const inside = insideChild(child);
    inside._processingStatus = notStarted;
    inside._initState();
    inside.start();
  }
  for (const { event, target, dueMs, id } of timers) {
    if (dueMs < time.nowMs()) differences.use('overdue-timer-fires-at-restart');
    const { scheduler } = insideOf(actor);
    scheduler.schedule(actor, target, event, Math.max(0, dueMs - time.nowMs()), id);
  }
  mailbox.start();
}

function stopOrphans(
  { children: made, actor }: Restarted,
  children: readonly AnyActorRef[],
  differences: Differences,
): void {
  for (const child of made) {
    if (child._parent !== actor || children.includes(child)) continue;
    if (child.getSnapshot()?.status !== 'active' || !isRunning(child)) continue;
    differences.use('unnamed-child-is-gone');
    insideChild(child)._stop();
  }
}

/** A reference to a child that was stopped is `undefined` after a restart. */
function forgetStopped(
  actor: AnyActorRef,
  children: readonly AnyActorRef[],
  differences: Differences,
): void {
  const snapshot = actor.getSnapshot() as AnyMachineSnapshot;
  const { one, deep, list, map, set } = snapshot.context as Context;
  const kept = (ref: AnyActorRef | undefined): AnyActorRef | undefined => {
    if (ref === undefined || children.includes(ref)) return ref;
    differences.use('stopped-child-reference-is-undefined');
    return undefined;
  };
  const context: Partial<Context> = {
    one: kept(one),
    deep: { inside: { ref: kept(deep.inside.ref) } },
    list: list.map(kept),
    map: new Map([...map].map(([key, ref]) => [key, kept(ref)])),
    set: new Set([...set].map(kept)),
  };
  insideChild(actor)._snapshot = { ...snapshot, context: { ...snapshot.context, ...context } };
}

function timersToArm(
  { actor, pending, sent }: Restarted,
  children: readonly AnyActorRef[],
  { differences, lastStoredMs }: { differences: Differences; lastStoredMs: number },
): readonly PendingEvent[] {
  const own = pending().filter(({ source }) => source === actor);
  const alive = own.filter(({ target }) => {
    if (target === actor || children.includes(target)) return true;
    differences.use('delayed-event-to-stopped-child-is-dropped');
    return false;
  });
  const again = sent.filter(
    ({ target, dueMs }) => dueMs > lastStoredMs && children.includes(target),
  );
  if (again.length > 0) differences.use('delayed-event-to-child-is-sent-again');
  return [...alive, ...again].sort((a, b) => a.dueMs - b.dueMs);
}

/** Work has no state that a restart could lose: it runs, or has ended. */
function isWork(child: AnyActorRef): boolean {
  return /promise|callback|events/.test(String(child.src));
}

function isRunning(child: AnyActorRef): boolean {
  return insideChild(child)._processingStatus === running;
}

function insideChild(child: AnyActorRef): ActorInside {
  return child as unknown as ActorInside;
}
