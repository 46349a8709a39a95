import type { AnyActorRef, AnyMachineSnapshot, AnyStateMachine, EventObject } from 'xstate';
import { createActor } from 'xstate';
import { buildMachine } from './build-machine.ts';
import type { Differences } from './differences.ts';
import { ActionCrashed, Lab } from './lab.ts';
import type { HistoryPlan } from './plan.ts';
import { insideOf, watchSchedule } from './scheduled.ts';
import { SimulatedTime } from './simulated-time.ts';
import type { PendingEvent } from './view.ts';
import { type Answer, startMs } from './world.ts';

/** What becomes of an event instead of being handled as usual. */
export type Treatment = 'refuse' | 'lose' | 'apply-unseen' | 'try-calm' | 'crash';

interface Taken {
  readonly number: number;
  readonly isInternal: boolean;
}

/** One plain actor, and what has to be known of it. */
export interface Run {
  readonly lab: Lab;
  readonly time: SimulatedTime;
  readonly actor: AnyActorRef;
  readonly pending: () => readonly PendingEvent[];
  /** Delayed events to children that have left. */
  readonly sent: PendingEvent[];
  /** Every child that was ever made. */
  readonly children: Set<AnyActorRef>;
  /** Events of the actor's own timers. */
  readonly scheduled: WeakSet<object>;
  /** Ends of children, each of which was a child when it ended. */
  readonly ends: WeakMap<EventObject, AnyActorRef>;
  /** What came of the events of this step. */
  readonly outcomes: Map<EventObject, Answer>;
  /** Children that were not at work when the actor started over. */
  readonly madeAgain: WeakSet<AnyActorRef>;
  /** Children that ended, or were heard to have ended, when they were no children any more. */
  readonly endedAlone: WeakSet<AnyActorRef>;
  /** Children before the event whose write failed. */
  before: readonly AnyActorRef[];
  /** Number of the first event of this step. */
  first: number | undefined;
  threw: Taken | undefined;
  /** Number of an event that was tried without actions that throw. */
  calm: number | undefined;
}

/**
 * Starts the machine of a plan; `treatments` says, by their numbers, which events are treated
 * otherwise.
 */
export function openRun(
  plan: HistoryPlan,
  treatments: ReadonlyMap<number, Treatment>,
  differences: Differences,
): Run {
  const time = new SimulatedTime(startMs);
  const lab = new Lab(time);
  const machine = buildMachine(plan, lab);
  const children = new Set<AnyActorRef>();
  const root: { actor?: AnyActorRef; handled: boolean } = { handled: false };
  const actor: AnyActorRef = createActor(machine, {
    clock: time.xstate,
    input: { start: plan.start } as never,
    inspect: (event) => {
      if (event.type === '@xstate.actor') children.add(event.actorRef as AnyActorRef);
      if (event.type !== '@xstate.microstep' || event.actorRef !== root.actor) return;
      if (event._transitions.length > 0) root.handled = true;
    },
  });
  root.actor = actor;
  const run: Run = {
    lab,
    time,
    actor,
    children,
    pending: watchSchedule(actor, time),
    sent: [],
    scheduled: new WeakSet(),
    ends: new WeakMap(),
    outcomes: new Map(),
    madeAgain: new WeakSet(),
    endedAlone: new WeakSet(),
    before: [],
    first: undefined,
    threw: undefined,
    calm: undefined,
  };
  watchTransitions(machine, { run, root, treatments, differences });
  watchRelays(run);
  actor.on('*' as never, (event: EventObject) => lab.see(`emits ${JSON.stringify(event)}`));
  actor.subscribe({ error: () => {} });
  actor.start();
  return run;
}

interface Watch {
  readonly run: Run;
  readonly root: { handled: boolean };
  readonly treatments: ReadonlyMap<number, Treatment>;
  readonly differences: Differences;
}

/**
 * Counts the events of the machine, treats those that are to be treated, and notes what came of
 * each.
 */
function watchTransitions(
  machine: AnyStateMachine,
  { run, root, treatments, differences }: Watch,
): void {
  const native = machine.transition.bind(machine);
  let count = 0;
  machine.transition = (snapshot, event: EventObject, scope) => {
    if (event.type === 'xstate.stop') return native(snapshot, event, scope);
    const number = ++count;
    run.first ??= number;
    const treatment = treatments.get(number);
    if (treatment === 'refuse' || treatment === 'lose') {
      run.outcomes.set(event, answerTo(treatment, true));
      return snapshot;
    }
    const ended = run.ends.get(event);
    if (ended !== undefined && !isChildIn(snapshot as AnyMachineSnapshot, ended)) {
      differences.use('end-of-a-stopped-child-is-dropped');
      run.endedAlone.add(ended);
      return snapshot;
    }
    prepare(run, { treatment, number, snapshot: snapshot as AnyMachineSnapshot });
    const isInternal = run.scheduled.has(event) || event.type.startsWith('xstate.');
    root.handled = false;
    const { length } = run.lab.seen;
    try {
      const next = native(snapshot, event, scope);
      run.outcomes.set(event, answerTo(treatment, root.handled));
      return next;
    } catch (error) {
      run.threw ??= { number, isInternal };
      if (isInternal && !(error instanceof ActionCrashed)) {
        differences.use('failing-event-does-nothing-before');
        run.lab.seen.length = length;
      }
      throw error;
    }
  };
}

function isChildIn({ children }: AnyMachineSnapshot, child: AnyActorRef): boolean {
  return Object.values(children).includes(child);
}

function answerTo(treatment: Treatment | undefined, isHandled: boolean): Answer {
  if (treatment === 'refuse') return 'refused';
  if (treatment === 'lose' || treatment === 'apply-unseen') return 'failed';
  return isHandled ? 'stored' : 'unhandled';
}

function prepare(
  run: Run,
  {
    treatment,
    number,
    snapshot,
  }: {
    readonly treatment: Treatment | undefined;
    readonly number: number;
    readonly snapshot: AnyMachineSnapshot;
  },
): void {
  run.lab.calm = treatment === 'try-calm';
  if (run.lab.calm) run.calm = number;
  if (treatment !== 'apply-unseen') return;
  run.lab.unseen = true;
  run.before = Object.values(snapshot.children) as AnyActorRef[];
}

/** Notes which events timers send, and holds back what is not to be seen. */
function watchRelays({ actor, lab, time, sent, scheduled, ends, endedAlone }: Run): void {
  const system = insideOf(actor);
  const { _relay: relay, scheduler } = system;
  const { schedule } = scheduler;
  const later = new WeakMap<object, string | undefined>();
  scheduler.schedule = (...scheduling) => {
    const [source, target, event, , id] = scheduling;
    later.set(event, id);
    if (source === actor && target === actor) scheduled.add(event);
    schedule(...scheduling);
  };
  system._relay = (source, target, event) => {
    if ((lab.isHidden || lab.silent) && source !== undefined) return;
    if (source === actor && target !== actor && later.has(event)) {
      const left = { source: actor, target, event, id: later.get(event) };
      sent.push({ ...left, dueMs: time.nowMs(), alarm: -1 });
    }
    if (source === undefined || source === actor || target !== actor) {
      relay(source, target, event);
      return;
    }
    if (isEnd(event)) {
      if (isChildIn(actor.getSnapshot() as AnyMachineSnapshot, source)) ends.set(event, source);
      else endedAlone.add(source);
    }
    // A child that is heard at once is busy while its parent answers; no persistent parent answers
    // so soon.
    queueMicrotask(() => relay(source, target, event));
  };
}

function isEnd({ type }: EventObject): boolean {
  return type.startsWith('xstate.done.actor.') || type.startsWith('xstate.error.actor.');
}
