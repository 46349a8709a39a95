import type {
  AnyActorRef,
  AnyActorScope,
  AnyMachineSnapshot,
  AnyStateMachine,
  EventObject,
} from 'xstate';
import type { AssignPlan } from './assign-plan.ts';
import { assignPlanner, runAssigns } from './assign-plan.ts';
import type { DryRun } from './entity-logic.ts';
import { endedChildId, isChildError } from './stored-event.ts';
import type { TimerChange, TimerTarget } from './timers.ts';

/**
 * Evaluates a machine without any effect, for dry runs and replay: the one file that knows xstate's
 * internals (docs/adr/0008-persistent-actors.md).
 *
 * The machine gets a scope whose `self` stands before the real actor and belongs to a system of its
 * own. Children made in it are never started, their names are taken in that system only, no
 * inspector sees anything, and actions are noted instead of run.
 */
export class ShadowScope implements DryRun<AnyMachineSnapshot> {
  readonly #machine: AnyStateMachine;
  readonly #system: IsolatedSystem;
  readonly #scope: AnyActorScope;
  readonly #assignOnly: (
    snapshot: AnyMachineSnapshot,
    event: EventObject,
  ) => AssignPlan | undefined;
  #marked: readonly (readonly [string, AnyActorRef])[] = [];
  readonly self: AnyActorRef;
  /** How children ended whose result was among the events. */
  readonly endedChildren = new WeakMap<AnyActorRef, EndedChild>();
  trace: readonly unknown[] | undefined;
  timerChanges: readonly TimerChange[] = [];
  actionCount = 0;

  constructor(machine: AnyStateMachine, real: AnyActorScope) {
    this.#machine = machine;
    const system = new IsolatedSystem(real);
    this.#system = system;
    this.self = Object.create(real.self, { system: { value: system } }) as AnyActorRef;
    system.watched = this.self;
    this.#scope = {
      self: this.self,
      id: real.id,
      sessionId: real.sessionId,
      logger: ignore,
      defer: ignore,
      emit: ignore,
      stopChild: ignore,
      system,
      actionExecutor: (action: ExecutableAction) => this.#note(action),
    } as unknown as AnyActorScope;
    this.#assignOnly = assignPlanner(machine);
  }

  get handled(): boolean {
    return this.#system.handled;
  }

  /** Children were made since this scope exists: the state may hold some. */
  get hasMadeChildren(): boolean {
    return this.#system.booked > 0;
  }

  initial(input: unknown): AnyMachineSnapshot {
    this.#forget();
    return this.#machine.getInitialSnapshot(this.#scope, input as never);
  }

  apply(state: AnyMachineSnapshot, event: EventObject): AnyMachineSnapshot {
    this.#forget();
    const plan = this.#assignOnly(state, event);
    if (plan === undefined) return this.#transition(state, event);
    this.#system.handled = true;
    const next = runAssigns(plan, { state, event, scope: this.#scope });
    // A child spawned by an assignment has to be made again, for real.
    if (next.children === state.children) this.trace = plan.transitions;
    return next;
  }

  reset(): void {
    if (this.#system.keyed.size > 0) this.#system.keyed.clear();
  }

  mark(): void {
    this.#marked = this.#system.keyed.size === 0 ? [] : [...this.#system.keyed];
  }

  undo(): void {
    this.#system.keyed.clear();
    for (const [systemId, actor] of this.#marked) this.#system.keyed.set(systemId, actor);
  }

  #transition(state: AnyMachineSnapshot, event: EventObject): AnyMachineSnapshot {
    const endedId = endedChildId(event);
    if (endedId !== undefined) {
      const child = state.children[endedId] as AnyActorRef | undefined;
      if (child !== undefined) this.endedChildren.set(child, endOf(event));
    }
    return this.#machine.transition(state, event, this.#scope);
  }

  #forget(): void {
    this.#system.handled = false;
    this.trace = undefined;
    this.actionCount = 0;
    if (this.timerChanges.length > 0) this.timerChanges = [];
  }

  #note(action: ExecutableAction): void {
    this.actionCount++;
    if (action.type === 'xstate.stopChild') action.exec?.(action.info, action.params);
    const change = timerChangeOf(action, this.self);
    if (change !== undefined) this.timerChanges = [...this.timerChanges, change];
  }
}

export type EndedChild =
  | { readonly status: 'done'; readonly output: unknown }
  | { readonly status: 'error'; readonly error: unknown };

function endOf(event: EventObject): EndedChild {
  const { output, error } = event as unknown as {
    readonly output?: unknown;
    readonly error?: unknown;
  };
  return isChildError(event) ? { status: 'error', error } : { status: 'done', output };
}

/** What xstate hands to a scope's `actionExecutor`. */
export interface ExecutableAction {
  readonly type: string;
  readonly info: unknown;
  readonly params: unknown;
  readonly exec: ((info: unknown, params: unknown) => void) | undefined;
}

/** What an action does to the timers of its actor; `self` is the actor, or its shadow. */
export function timerChangeOf(
  action: ExecutableAction,
  self: AnyActorRef,
): TimerChange | undefined {
  switch (action.type) {
    case 'xstate.raise':
    case 'xstate.sendTo': {
      const params = action.params as SendParams;
      if (typeof params.delay !== 'number') return undefined;
      const target = action.type === 'xstate.raise' ? ownTarget : targetOf(params, self);
      return {
        type: 'schedule',
        id: params.id,
        event: params.event,
        target,
        delayMs: params.delay,
      };
    }
    case 'xstate.cancel': {
      const { sendId } = action.params as { readonly sendId: string };
      return { type: 'cancel', id: sendId };
    }
    default:
      return undefined;
  }
}

interface SendParams {
  readonly event: EventObject;
  readonly id: string | undefined;
  readonly delay: number | undefined;
  readonly to: AnyActorRef | string;
}

const ownTarget: TimerTarget = { type: 'self' };

function targetOf({ to }: SendParams, self: AnyActorRef): TimerTarget {
  if (typeof to === 'string') return { type: 'child', id: to };
  if (to.sessionId === self.sessionId) return ownTarget;
  if (to === self._parent) return { type: 'parent' };
  return to._parent === self ? { type: 'child', id: to.id } : { type: 'other' };
}

/** The actor system of a shadow: what xstate's core calls on one while it evaluates. */
class IsolatedSystem {
  readonly keyed = new Map<string, AnyActorRef>();
  readonly _logger = ignore;
  readonly _clock = { setTimeout: ignore, clearTimeout: ignore };
  readonly scheduler = inertScheduler;
  readonly #real: AnyActorScope['system'];
  handled = false;
  booked = 0;
  watched: AnyActorRef | undefined;

  constructor(real: AnyActorScope) {
    this.#real = real.system;
  }

  _bookId(): string {
    return `shadow:${this.booked++}`;
  }

  _sendInspectionEvent(event: {
    type: string;
    actorRef?: unknown;
    _transitions?: unknown[];
  }): void {
    if (event.type !== '@xstate.microstep' || event.actorRef !== this.watched) return;
    if (event._transitions !== undefined && event._transitions.length > 0) this.handled = true;
  }

  _set(systemId: string, actor: AnyActorRef): void {
    const existing = this.keyed.get(systemId);
    if (existing !== undefined && existing !== actor) {
      throw new Error(`Actor with system ID '${systemId}' already exists.`);
    }
    this.keyed.set(systemId, actor);
  }

  _unregister(actor: AnyActorRef): void {
    for (const [id, keyed] of this.keyed) if (keyed === actor) this.keyed.delete(id);
  }

  _register(sessionId: string): string {
    return sessionId;
  }

  get(systemId: string): AnyActorRef | undefined {
    return this.keyed.get(systemId) ?? this.#real.get(systemId);
  }

  getAll(): Record<string, AnyActorRef> {
    return { ...this.#real.getAll(), ...Object.fromEntries(this.keyed) };
  }

  inspect(): { unsubscribe: () => void } {
    return { unsubscribe: ignore };
  }

  _relay(): void {}

  start(): void {}
}

const inertScheduler = { schedule: ignore, cancel: ignore, cancelAll: ignore };

function ignore(): void {}

/** Shows inspectors the one step that an adopted dry run stands for, as xstate would have. */
export function announceStep(
  scope: AnyActorScope,
  step: {
    readonly event: EventObject;
    readonly state: unknown;
    readonly trace: readonly unknown[];
  },
): void {
  const system = scope.system as unknown as { _sendInspectionEvent: (event: unknown) => void };
  system._sendInspectionEvent({
    type: '@xstate.microstep',
    actorRef: scope.self,
    event: step.event,
    snapshot: step.state,
    _transitions: step.trace,
  });
}
