import type { AnyActorRef, AnyMachineSnapshot } from 'xstate';
import type { Differences } from './differences.ts';
import type { Lab } from './lab.ts';
import { insideOf } from './scheduled.ts';
import type { SimulatedTime } from './simulated-time.ts';
import { type PendingEvent, siteOf } from './view.ts';

export interface Restarted {
  readonly actor: AnyActorRef;
  readonly lab: Lab;
  readonly time: SimulatedTime;
  readonly pending: () => readonly PendingEvent[];
  /** Every child that was ever made. */
  readonly children: Iterable<AnyActorRef>;
  /** Children before the event whose write failed. */
  readonly before: readonly AnyActorRef[];
  /** Delayed events to children that have left. */
  readonly sent: readonly PendingEvent[];
}

export interface StartOver {
  readonly differences: Differences;
  /** When the persistent actor's last event was stored. */
  readonly lastStoredMs: number;
  readonly downMs: number;
  /** Otherwise a failed write has made the entity start over where it is. */
  readonly isNewProcess: boolean;
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
 * Does to a plain actor what a restart does to a persistent one, on purpose: each line in the name
 * of a row of docs/differences.md. What no row names stays as it was.
 */
export function startOver(
  run: Restarted,
  { differences, lastStoredMs, downMs, isNewProcess }: StartOver,
): void {
  const { actor, lab, time } = run;
  const snapshot = actor.getSnapshot() as AnyMachineSnapshot;
  const children = Object.values(snapshot.children) as AnyActorRef[];
  lab.unseen = false;
  // A process that dies does not put its children away.
  lab.muted = isNewProcess;
  lab.silent = true;
  if (!isNewProcess) stopRemoved(run, children);
  stopOrphans(run, children, differences);
  const isOver = snapshot.status !== 'active';
  const active = isOver ? [] : children.filter(isAtWork);
  for (const child of active) insideChild(child)._stop();
  lab.muted = false;
  lab.silent = false;
  time.jump(downMs);
  if (isOver) return;
  const timers = timersToArm(run, children, { differences, lastStoredMs });
  const { mailbox } = insideChild(actor);
  mailbox._active = false;
  for (const child of active) {
    differences.use(isWork(child) ? 'unfinished-work-runs-again' : 'child-state-starts-over');
    const inside = insideChild(child);
    inside._processingStatus = notStarted;
    inside._initState();
    inside.start();
  }
  for (const { event, target, dueMs, alarm, id } of timers) {
    if (dueMs < time.nowMs()) differences.use('overdue-timer-fires-at-restart');
    const delay = Math.max(0, dueMs - time.nowMs());
    // A later one with its id is the one that can be cancelled.
    const isLast = timers.every((other) => other.id !== id || other.dueMs <= dueMs);
    if (alarm < 0)
      insideOf(actor).scheduler.schedule(actor, target, event, delay, isLast ? id : undefined);
    else time.setAgain(alarm);
  }
  mailbox.start();
}

function stopOrphans(
  { children: made, actor }: Pick<Restarted, 'children' | 'actor'>,
  children: readonly AnyActorRef[],
  differences: Differences,
): void {
  for (const child of made) {
    if (child._parent !== actor || children.includes(child)) continue;
    if (!isAtWork(child) || !isRunning(child)) continue;
    differences.use('unnamed-child-is-gone');
    insideChild(child)._stop();
  }
}

function timersToArm(
  { actor, time, pending, sent }: Restarted,
  children: readonly AnyActorRef[],
  { differences, lastStoredMs }: { differences: Differences; lastStoredMs: number },
): readonly PendingEvent[] {
  const own = pending().filter(({ source }) => source === actor);
  const alive = own.filter(({ target, alarm }) => {
    if (target === actor || children.includes(target)) return true;
    time.forget(alarm);
    differences.use('delayed-event-to-stopped-child-is-dropped');
    return false;
  });
  const again = sent.filter(
    ({ target, dueMs }) => dueMs > lastStoredMs && children.includes(target),
  );
  if (again.length > 0) differences.use('delayed-event-to-child-is-sent-again');
  return [...alive, ...again].sort((a, b) => a.dueMs - b.dueMs);
}

/** The failed write came before the event: what it would have left without a name had one still. */
function stopRemoved({ before }: Restarted, children: readonly AnyActorRef[]): void {
  for (const child of before) {
    if (!children.includes(child) && isAtWork(child)) insideChild(child)._stop();
  }
}

function isAtWork(child: AnyActorRef): boolean {
  return (child.getSnapshot() as { status?: string } | undefined)?.status === 'active';
}

/** Work has no state that a restart could lose: it runs, or has ended. */
function isWork(child: AnyActorRef): boolean {
  return /promise|callback|events/.test(siteOf(child));
}

export function isRunning(child: AnyActorRef): boolean {
  return insideChild(child)._processingStatus === running;
}

function insideChild(child: AnyActorRef): ActorInside {
  return child as unknown as ActorInside;
}
