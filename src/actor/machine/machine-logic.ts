import type {
  AnyActorRef,
  AnyActorScope,
  AnyMachineSnapshot,
  AnyStateMachine,
  EventObject,
} from 'xstate';
import { createActor } from 'xstate';
import { RecoveryFailedError } from '../../model/errors.ts';
import { longestTimeoutMs } from '../../runtime/alarms.ts';
import { isOutboxAction } from '../delivery/deliver.ts';
import type { DryRun, EntityLogic, StoredInput, UsedMachine } from '../entity/entity-logic.ts';
import { TimerTick } from '../entity/host-events.ts';
import {
  type ChildAttempt,
  setEntity,
  setWork,
  type WorkingEntity,
  workOf,
} from '../entity/invoked-work.ts';
import { endedChildId, isChildError, toStored } from '../entity/stored-event.ts';
import type { LiveChange, Timer, TimerChange } from '../entity/timers.ts';
import type { ChildNames } from './child-names.ts';
import { nameChildrenOf } from './child-names.ts';
import {
  type ActorInside,
  persistedForm,
  persistMachine,
  type StoredDelay,
} from './machine-snapshot.ts';
import type { MachineVersions } from './machine-versions.ts';
import { actorFinder, armDelays, fillContexts, makeChild } from './restore-machine.ts';
import { isRetried, tellStored } from './retried-promise.ts';
import { watchSchedules } from './scheduled.ts';
import type { AddressOf, ExecutableAction } from './shadow-scope.ts';
import { announceStep, relay, ShadowScope, sentAtOnce, timerChangeOf } from './shadow-scope.ts';
import {
  childOf,
  hiddenActor,
  receiverOf,
  sameEntries,
  sameValue,
  withActors,
} from './snapshot-parts.ts';

/** What the actors of one type report to their hosts. */
export interface LogicHooks {
  readonly nowMs: () => number;
  /** 0 <= value < 1. */
  readonly random: () => number;
  /** Whether delays begin anew after a recovery: the actor's own `timers`. */
  readonly restartsTimers: boolean;
  /** A delayed event is scheduled or cancelled for good; answers how to carry that out. */
  readonly onTimer: (self: AnyActorRef, change: TimerChange) => LiveChange;
  /** `undefined` = nothing that is sent is delivered. */
  readonly addressOf: AddressOf | undefined;
}

/**
 * A machine in the real scope of one actor. Its actions go to xstate's own executor, past
 * `onTimer`, so that the entity knows its timers; delays that Node cannot hold are armed by the
 * entity instead.
 */
export class MachineLogic implements EntityLogic<AnyMachineSnapshot>, WorkingEntity {
  readonly hearsDeliveries = true;
  readonly persistenceId: string;
  readonly nowMs: () => number;
  readonly random: () => number;
  readonly #versions: MachineVersions;
  readonly #scope: AnyActorScope;
  readonly #native: (action: ExecutableAction) => void;
  readonly #names: ChildNames;
  readonly #hooks: LogicHooks;
  /** Actors that are or were children, whose end is in the journal. */
  #ended: WeakSet<AnyActorRef> | undefined;
  /** Effects of the initial state, while it is being computed. */
  #collected: (() => void)[] | undefined;

  constructor(
    versions: MachineVersions,
    scope: AnyActorScope,
    hooks: LogicHooks,
    persistenceId: string,
  ) {
    this.persistenceId = persistenceId;
    this.nowMs = hooks.nowMs;
    this.random = hooks.random;
    this.#versions = versions;
    this.#hooks = hooks;
    this.#scope = scope;
    this.#native = scope.actionExecutor as unknown as (action: ExecutableAction) => void;
    this.#names = nameChildrenOf(scope);
    setEntity(scope.self, this);
    watchSchedules(scope.system, hooks.nowMs);
    const execute = (action: ExecutableAction): void => {
      if (this.#collected === undefined) this.#execute(action);
      else this.#collected.push(() => this.#execute(action));
    };
    scope.actionExecutor = execute as unknown as AnyActorScope['actionExecutor'];
  }

  #execute(action: ExecutableAction): void {
    if (isOutboxAction(action.exec)) return;
    const scope = this.#scope;
    const { addressOf, onTimer } = this.#hooks;
    const sent = addressOf === undefined ? undefined : sentAtOnce(action);
    if (sent !== undefined) {
      // As in xstate, the target is known when the actor's turn ends.
      scope.defer(() => {
        const { to, event } = sent as { readonly to: AnyActorRef; readonly event: EventObject };
        if (addressOf?.(to, scope.self) === undefined) relay(scope, to, event);
      });
      return;
    }
    const change = timerChangeOf(action, scope.self, this.#names);
    if (change !== undefined) {
      const { key, delayMs } = onTimer(scope.self, change);
      if (key !== undefined && delayMs > longestTimeoutMs) {
        this.#armLink(key);
        return;
      }
      const params = action.params as { id?: string; sendId?: string; delay?: number };
      if (change.type === 'cancel') params.sendId = key ?? change.id;
      else {
        params.delay = delayMs;
        if (key !== undefined) params.id = key;
      }
    }
    this.#native(action);
  }

  get #machine(): AnyStateMachine {
    return this.#versions.inUse;
  }

  machineOf(bornWith: string | undefined): UsedMachine {
    const versions = this.#versions;
    return { kind: versions.of(bornWith).id, isEarlier: versions.isEarlier(bornWith) };
  }

  dryRun(): ShadowScope {
    return new ShadowScope(this.#versions, this.#scope, true, this.#hooks.addressOf);
  }

  replayRun(): ShadowScope {
    return new ShadowScope(this.#versions, this.#scope, false);
  }

  needsInit(input: unknown): boolean {
    return input !== undefined;
  }

  begin(input: unknown): AnyMachineSnapshot {
    const scope = this.#scope;
    this.#versions.useNewest();
    const effects: (() => void)[] = [];
    const { defer } = scope;
    this.#collected = effects;
    scope.defer = (effect) => effects.push(effect);
    this.#names.beginStep(0);
    let state: AnyMachineSnapshot;
    try {
      state = this.#machine.getInitialSnapshot(scope, input as never);
    } finally {
      this.#collected = undefined;
      scope.defer = defer;
    }
    // As in an ordinary actor, all children start before the first entry action runs.
    if (state.status === 'active') defer(() => this.#machine.start(state));
    for (const effect of effects) defer(effect);
    return state;
  }

  commit(
    state: AnyMachineSnapshot,
    event: EventObject,
    seqNr: number,
    part?: number,
  ): AnyMachineSnapshot {
    this.#names.beginStep(seqNr, part);
    return this.#machine.transition(state, event, this.#scope);
  }

  adoptStep(state: AnyMachineSnapshot, event: EventObject, trace: readonly unknown[]): void {
    announceStep(this.#scope, { event, state, trace });
  }

  adoptReplay(
    state: AnyMachineSnapshot,
    replay: DryRun<AnyMachineSnapshot>,
    stillMs: number,
  ): AnyMachineSnapshot {
    const shadow = replay as ShadowScope;
    this.#versions.inUse = shadow.machine;
    const real = new Map<unknown, AnyActorRef>([[shadow.self, this.#scope.self]]);
    const children: Record<string, AnyActorRef> = {};
    try {
      for (const [key, child] of Object.entries(state.children) as [string, AnyActorRef][]) {
        const actor = this.#recreate(child, shadow);
        const work = workOf(child);
        if (work !== undefined) {
          work.makeAgain(isRetried((child as unknown as ActorInside).logic));
          setWork(actor, work);
        }
        children[key] = actor;
        real.set(child, actor);
      }
    } catch (cause) {
      // They will never start: their names are given back.
      const system = this.#scope.system as unknown as { _unregister: (ref: AnyActorRef) => void };
      for (const actor of Object.values(children)) system._unregister(actor);
      throw new RecoveryFailedError('a child of the entity cannot be made again', { cause });
    }
    const context = withActors(state.context, (actor) => {
      if (actor._parent !== shadow.self && actor !== shadow.self) return actor;
      const known = real.get(actor);
      if (known !== undefined) return known;
      const gone = this.#recreateGone(actor, shadow);
      real.set(actor, gone);
      return gone;
    });
    if (context === state.context && !shadow.hasMadeChildren) return state;
    const live = { ...state, children, context } as AnyMachineSnapshot;
    const standing = actorFinder(this.#scope.self, children, []);
    const restored = [...real].flatMap(([child, actor]) => {
      const stored = shadow.restoredChildren.get(child as AnyActorRef);
      const isEnded = shadow.endedChildren.has(child as AnyActorRef);
      return stored === undefined || isEnded ? [] : [{ actor, stored }];
    });
    for (const { actor, stored } of restored) fillContexts(actor, stored, standing);
    if (live.status !== 'active') return live;
    this.#scope.defer(() => this.#machine.start(live));
    this.#scope.defer(() => {
      const { restartsTimers, nowMs } = this.#hooks;
      const leftMs = ({ delayMs, fromMs }: StoredDelay): number =>
        restartsTimers ? delayMs : Math.max(0, fromMs + stillMs + delayMs - nowMs());
      for (const { actor, stored } of restored) armDelays(actor, stored, standing, leftMs);
    });
    return live;
  }

  takeAttempt({ child, record }: ChildAttempt): void {
    workOf(child)?.note(record, this.#hooks.nowMs());
    const { self } = this.#scope;
    this.#scope.defer(() => tellStored(self, child, record.attempt));
  }

  backoffEndMs(child: AnyActorRef): number | undefined {
    const { logic } = child as unknown as ActorInside;
    return isRetried(logic) ? workOf(child)?.backoff?.dueMs : undefined;
  }

  noteEnd(child: AnyActorRef): void {
    this.#ended ??= new WeakSet();
    this.#ended.add(child);
  }

  persist(state: AnyMachineSnapshot, stillMs: number): Readonly<Record<string, unknown>> {
    const { self } = this.#scope;
    const stored = persistMachine(state, {
      self,
      isEnded: (child) => this.#ended?.has(child) === true,
      stillMs,
    });
    return { ...stored };
  }

  senderOf(state: AnyMachineSnapshot, event: EventObject): AnyActorRef | undefined {
    const id = endedChildId(event);
    const child = id === undefined ? undefined : childOf(state, id);
    if (child === undefined) return undefined;
    if (!isChildError(event)) {
      const { _doneEvent } = child as unknown as { readonly _doneEvent?: EventObject };
      return _doneEvent === event ? child : undefined;
    }
    const { status, error } = child.getSnapshot() as AnyMachineSnapshot;
    const { error: reported } = event as unknown as { readonly error: unknown };
    return status === 'error' && Object.is(error, reported) ? child : undefined;
  }

  hasChild(state: AnyMachineSnapshot, child: AnyActorRef): boolean {
    return childOf(state, child.id) === child;
  }

  hiddenActor(
    after: AnyMachineSnapshot,
    before: AnyMachineSnapshot | undefined,
  ): string | undefined {
    return hiddenActor(after.context, before?.context, 'context');
  }

  inputToStore(state: AnyMachineSnapshot, event: EventObject): StoredInput {
    const id = endedChildId(event);
    const child = id === undefined ? undefined : childOf(state, id);
    if (child === undefined) return { payload: toStored(event), replaced: false };
    const last = child.getSnapshot() as AnyMachineSnapshot;
    if (last.status === 'active') return { payload: toStored(event), replaced: true };
    return { payload: toStored(event, persistedForm(child)), replaced: false };
  }

  arm(state: AnyMachineSnapshot, timer: Timer, delayMs: number): boolean {
    const target = receiverOf(state, timer.target, this.#scope.self);
    if (target === undefined) return false;
    if (delayMs > longestTimeoutMs) {
      this.#armLink(timer.key);
      return true;
    }
    const { self, system } = this.#scope;
    this.#scope.defer(() => {
      system.scheduler.schedule(self, target, timer.event, delayMs, timer.key);
    });
    return true;
  }

  stop(state: AnyMachineSnapshot, event: EventObject): AnyMachineSnapshot {
    return this.#machine.transition(state, event, this.#scope);
  }

  discard(): void {
    for (const child of this.#names.takeLive()) this.#scope.stopChild(child);
    this.#scope.system.scheduler.cancelAll(this.#scope.self);
  }

  hasRunningChild(state: AnyMachineSnapshot): boolean {
    return this.childrenOf(state).some((child) => this.isRunning(child));
  }

  isRunning(child: AnyActorRef): boolean {
    return child.getSnapshot()?.status === 'active';
  }

  childrenOf(state: AnyMachineSnapshot): readonly AnyActorRef[] {
    return Object.values(state.children) as AnyActorRef[];
  }

  isUnchanged(before: AnyMachineSnapshot, after: AnyMachineSnapshot): boolean {
    const sameChildren =
      before.children === after.children || sameEntries(before.children, after.children);
    return (
      before.context === after.context &&
      before.status === after.status &&
      sameChildren &&
      sameValue(before.value, after.value)
    );
  }

  describe(state: AnyMachineSnapshot): string {
    return JSON.stringify(state.value);
  }

  /**
   * A child that had ended before the crash comes back ended. Any other starts again: from its
   * state in the snapshot that brought it, or from its input.
   */
  #recreate(child: AnyActorRef, replay: ShadowScope): AnyActorRef {
    const { logic, options } = child as unknown as ActorInside;
    const { src, systemId, syncSnapshot, input } = options;
    const { self } = this.#scope;
    const ended = replay.endedChildren.get(child);
    const common = { id: child.id, src, syncSnapshot, parent: self, input };
    if (ended === undefined) {
      const stored = replay.restoredChildren.get(child);
      if (stored !== undefined) return makeChild(logic, stored, self, actorFinder(self, {}, []));
      return createActor(logic, { ...common, systemId } as never);
    }
    const { snapshot: shown, ...outcome } = ended;
    const last = { ...persistedForm(child), children: {}, ...shown, ...outcome };
    const actor = createActor(logic, { ...common, snapshot: last } as never);
    this.noteEnd(actor);
    return actor;
  }

  /**
   * A child that is only left in the context: it has ended, or was stopped. What it gets is lost.
   */
  #recreateGone(child: AnyActorRef, replay: ShadowScope): AnyActorRef {
    if (replay.endedChildren.has(child)) return this.#recreate(child, replay);
    const { logic, options } = child as unknown as ActorInside;
    const snapshot = { ...persistedForm(child), children: {}, status: 'stopped' };
    const common = { id: child.id, src: options.src, parent: this.#scope.self };
    const actor = createActor(logic, { ...common, snapshot } as never);
    this.#scope.stopChild(actor);
    return actor;
  }

  /**
   * The longest delay that Node holds, as one link of a longer one: then the entity arms the
   * next.
   */
  #armLink(key: string): void {
    const { self, system } = this.#scope;
    this.#scope.defer(() => {
      system.scheduler.schedule(self, self, new TimerTick(key), longestTimeoutMs, key);
    });
  }
}
