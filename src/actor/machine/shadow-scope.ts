import type {
  AnyActorRef,
  AnyActorScope,
  AnyMachineSnapshot,
  AnyStateMachine,
  EventObject,
} from 'xstate';
import { outboxChangeOf } from '../delivery/deliver.ts';
import type { DryRun, FormerNames } from '../entity/entity-logic.ts';
import { type AttemptRecord, InvokedWork, setWork, workOf } from '../entity/invoked-work.ts';
import type { OutboxChange } from '../entity/outbox.ts';
import { type EndedChild, endOf, isReservedEvent } from '../entity/stored-event.ts';
import type { TimerChange, Timers, TimerTarget } from '../entity/timers.ts';
import type { AssignPlanner } from './assign-plan.ts';
import { assignPlanner, runAssigns } from './assign-plan.ts';
import { ChildNames } from './child-names.ts';
import { IsolatedSystem, ignore, type NamesTaken, ShadowSelf } from './isolated-system.ts';
import type { StoredChild, StoredMachine } from './machine-snapshot.ts';
import type { MachineVersions } from './machine-versions.ts';
import { withNewStates } from './renamed-states.ts';
import { checkDelayed, restoreMachine } from './restore-machine.ts';
import { childOf } from './snapshot-parts.ts';

const nothing: readonly never[] = [];

/**
 * Evaluates a machine without any effect, for dry runs and replay. Here and in `isolated-system.ts`
 * is what we know of xstate's internals (docs/adr/0008-persistent-actors.md).
 *
 * The machine gets a scope whose `self` stands before the real actor and belongs to a system of
 * its own. Children made in it are never started, their names are taken in that system only, no
 * inspector sees anything, and actions are noted instead of run.
 */
export class ShadowScope implements DryRun<AnyMachineSnapshot> {
  readonly #isNew: boolean;
  readonly #addressOf: AddressOf | undefined;
  readonly #versions: MachineVersions;
  #machine: AnyStateMachine;
  readonly #system: IsolatedSystem;
  readonly #scope: AnyActorScope;
  #assignOnly: AssignPlanner;
  readonly #names: ChildNames;
  #marked: NamesTaken | undefined;
  /** Children that the first state stops, while it is computed. */
  #stops: ExecutableAction[] | undefined;
  readonly self: AnyActorRef;
  #endedChildren: WeakMap<AnyActorRef, EndedChild> | undefined;
  #restoredChildren: WeakMap<AnyActorRef, StoredChild> | undefined;
  trace: readonly unknown[] | undefined;
  timerChanges: readonly TimerChange[] = nothing;
  /** What the last call says of deliveries, and what it sends. */
  #said: readonly (OutboxChange | SendParams)[] = nothing;
  actionCount = 0;

  /**
   * `isNew` = the events are not stored yet: a `systemId` that the real system has given away is
   * taken here, too, and the actions say what is delivered. What a stored event delivers, the
   * journal says. `addressOf` = where to deliver what is sent to an actor; `undefined` = nothing
   * that is sent is delivered.
   */
  constructor(
    versions: MachineVersions,
    real: AnyActorScope,
    isNew: boolean,
    addressOf?: AddressOf,
  ) {
    this.#isNew = isNew;
    this.#addressOf = addressOf;
    this.#versions = versions;
    const machine = versions.inUse;
    this.#machine = machine;
    const system = new IsolatedSystem(real, isNew);
    this.#system = system;
    this.self = new Proxy(real.self, new ShadowSelf(system));
    system.watched = this.self;
    this.#names = new ChildNames(this.self);
    system.names = this.#names;
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

  get outboxChanges(): readonly OutboxChange[] {
    if (this.#said.length === 0) return nothing;
    return this.#said.flatMap((said): readonly OutboxChange[] => {
      if ('type' in said) return [said];
      // By now a child has been made that the action could only name.
      const to = typeof said.to === 'string' ? undefined : this.#addressOf?.(said.to, this.self);
      if (to === undefined) return [];
      return [{ type: 'deliver', to, message: said.event, id: undefined }];
    });
  }

  /** What the states are of. */
  get machine(): AnyStateMachine {
    return this.#machine;
  }

  useVersion(bornWith: string | undefined): void {
    this.#use(this.#versions.of(bornWith));
  }

  #use(machine: AnyStateMachine): void {
    if (machine === this.#machine) return;
    this.#machine = machine;
    this.#assignOnly = assignPlanner(machine);
  }

  /** Children were made since this scope exists: the state may hold some. */
  get hasMadeChildren(): boolean {
    return this.#system.booked > 0;
  }

  /** How children ended whose result was among the events. */
  get endedChildren(): WeakMap<AnyActorRef, EndedChild> {
    this.#endedChildren ??= new WeakMap();
    return this.#endedChildren;
  }

  /** Children that a snapshot brought, and what it holds of them. */
  get restoredChildren(): WeakMap<AnyActorRef, StoredChild> {
    this.#restoredChildren ??= new WeakMap();
    return this.#restoredChildren;
  }

  initial(input: unknown): AnyMachineSnapshot {
    this.#forget(0);
    // xstate makes up its mind about the first state before it stops anybody, so the names that the
    // first state gives back are not free within it.
    const stops: ExecutableAction[] = [];
    this.#stops = stops;
    try {
      return this.#machine.getInitialSnapshot(this.#scope, input as never);
    } finally {
      this.#stops = undefined;
      for (const action of stops) action.exec?.(action.info, action.params);
    }
  }

  apply(
    state: AnyMachineSnapshot,
    event: EventObject,
    seqNr: number,
    part?: number,
  ): AnyMachineSnapshot {
    this.#forget(seqNr, part);
    const plan = this.#assignOnly(state, event);
    if (plan === undefined) return this.#machine.transition(state, event, this.#scope);
    this.#system.handled = true;
    const next = runAssigns(plan, { state, event, scope: this.#scope });
    // A child spawned by an assignment has to be made again, for real.
    if (next.children === state.children) this.trace = plan.transitions;
    return next;
  }

  endChild(state: AnyMachineSnapshot, id: string, end: EndedChild): void {
    const child = childOf(state, id);
    if (child === undefined) return;
    this.endedChildren.set(child, end);
    this.#system.release(child);
  }

  noteAttempt(state: AnyMachineSnapshot, record: AttemptRecord, atMs: number): void {
    const child = childOf(state, record.actorId);
    if (child !== undefined) workOf(child)?.note(record, atMs);
  }

  restore(given: unknown, timers: Timers, former?: FormerNames): AnyMachineSnapshot {
    this.#forget(0);
    const machine = this.#machine;
    checkDelayed(machine, timers);
    const stored =
      former === undefined ? given : withNewStates(machine, given as StoredMachine, former);
    const { state, made } = restoreMachine(machine, stored, this.self);
    for (const [actor, child] of made) {
      this.restoredChildren.set(actor, child);
      if (child.work !== undefined)
        setWork(actor, InvokedWork.ofPlain(child.work, `"${child.id}".work`));
      if (child.end === undefined) continue;
      this.endedChildren.set(actor, endOf(child.end));
      this.#system.release(actor);
    }
    return state;
  }

  reset(): void {
    this.#use(this.#versions.inUse);
    this.#system.forgetNames();
  }

  mark(): void {
    this.#marked = this.#system.namesTaken();
  }

  undo(): void {
    this.#system.forgetNames(this.#marked);
  }

  #forget(seqNr: number, part?: number): void {
    this.#names.beginStep(seqNr, part);
    this.#system.handled = false;
    this.trace = undefined;
    this.actionCount = 0;
    this.timerChanges = nothing;
    this.#said = nothing;
  }

  #note(action: ExecutableAction): void {
    this.actionCount++;
    if (action.type === 'xstate.stopChild') {
      if (this.#stops === undefined) action.exec?.(action.info, action.params);
      else this.#stops.push(action);
    }
    const change = timerChangeOf(action, this.self, this.#names);
    if (change !== undefined) this.timerChanges = [...this.timerChanges, change];
    if (!this.#isNew) return;
    const said =
      outboxChangeOf(action.exec, action.info, action.params) ??
      (this.#addressOf === undefined ? undefined : sentAtOnce(action));
    if (said !== undefined) this.#said = [...this.#said, said];
  }
}

/** What xstate hands to a scope's `actionExecutor`. */
export interface ExecutableAction {
  readonly type: string;
  readonly info: unknown;
  readonly params: unknown;
  readonly exec: ((info: unknown, params: unknown) => void) | undefined;
}

/**
 * What an action does to the timers of its actor. `self` is the actor, or its shadow; `names` are
 * those of its children.
 */
export function timerChangeOf(
  action: ExecutableAction,
  self: AnyActorRef,
  names: ChildNames,
): TimerChange | undefined {
  switch (action.type) {
    case 'xstate.raise':
    case 'xstate.sendTo': {
      const params = action.params as SendParams;
      if (typeof params.delay !== 'number') return undefined;
      const target = action.type === 'xstate.raise' ? ownTarget : targetOf(params, self, names);
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

/** Where to deliver what `self` sends to an actor; `undefined` = it is only sent. */
export type AddressOf = (actor: AnyActorRef, self: AnyActorRef) => string | undefined;

/** What an action sends without a delay, and xstate does not send by itself. */
export function sentAtOnce({ type, params }: ExecutableAction): SendParams | undefined {
  if (type !== 'xstate.sendTo') return undefined;
  const send = params as SendParams;
  return typeof send.delay === 'number' || isReservedEvent(send.event) ? undefined : send;
}

interface SendParams {
  readonly event: EventObject;
  readonly id: string | undefined;
  readonly delay: number | undefined;
  readonly to: AnyActorRef | string;
}

const ownTarget: TimerTarget = { type: 'self' };

function targetOf({ to }: SendParams, self: AnyActorRef, names: ChildNames): TimerTarget {
  // xstate gives an id in place of the actor where this step has yet to make the child.
  if (typeof to === 'string') return { type: 'child', id: to, madeBy: names.madeBy(to) };
  if (to.sessionId === self.sessionId) return ownTarget;
  if (to === self._parent) return { type: 'parent' };
  // A child that was made for real has the real actor as its parent, of which `self` is the shadow.
  const isChild = to._parent?.sessionId === self.sessionId;
  return isChild ? { type: 'child', id: to.id, madeBy: workOf(to)?.madeBy } : { type: 'other' };
}

/** A step of an adopted dry run: the event, the state after it, the transitions taken. */
export interface AdoptedStep {
  readonly event: EventObject;
  readonly state: unknown;
  readonly trace: readonly unknown[];
}

/** Sends an event as xstate sends it. */
export function relay({ self, system }: AnyActorScope, to: AnyActorRef, event: EventObject): void {
  (system as unknown as { _relay: (...sent: unknown[]) => void })._relay(self, to, event);
}

/** Shows inspectors the one step that an adopted dry run stands for, as xstate would have. */
export function announceStep(scope: AnyActorScope, step: AdoptedStep): void {
  const system = scope.system as unknown as { _sendInspectionEvent: (event: unknown) => void };
  system._sendInspectionEvent({
    type: '@xstate.microstep',
    actorRef: scope.self,
    event: step.event,
    snapshot: step.state,
    _transitions: step.trace,
  });
}
