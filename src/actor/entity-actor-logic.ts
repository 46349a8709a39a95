import type { AnyActorRef, AnyActorScope, EventObject } from 'xstate';
import { InvalidInputError } from '../model/errors.ts';
import { storedForm } from '../model/stored-form.ts';
import type { PersistenceId } from '../ports/journal-plugin.ts';
import type { EntityDeps } from './entity.ts';
import { EntityHost } from './entity-host.ts';
import type { EntityLogic, HostedState } from './entity-logic.ts';
import type { EntitySettings } from './entity-options.ts';
import type { Exposed } from './expose-state.ts';
import type { LogicHooks } from './machine-logic.ts';
import { Timers } from './timers.ts';

/** What a way of describing entities has to say for each actor. */
export interface FrontEnd<S extends HostedState> {
  /** @throws {InvalidInputError} no usable persistence id */
  settings(input: unknown): EntitySettings<S>;
  open(scope: AnyActorScope, hooks: LogicHooks): EntityLogic<S>;
}

/**
 * What is stored of a persistent actor within a snapshot of its parent: a pointer. The actor
 * recovers itself from its journal.
 */
export interface PersistedPointer {
  readonly status: HostedState['status'];
  readonly output: unknown;
  readonly error: unknown;
  readonly persistenceId: string;
  readonly input: unknown;
  readonly sequenceNr: number;
}

/** The hosts of all actors of one persistence. */
export class EntityHosts {
  readonly #hosts = new WeakMap<object, EntityHost<HostedState>>();

  set(self: AnyActorRef, host: EntityHost<HostedState>): void {
    this.#hosts.set(self, host);
  }

  /** @throws {InvalidInputError} when the actor is none of this persistence's */
  of(ref: object): EntityHost<HostedState> {
    const host = this.#hosts.get(ref);
    if (host !== undefined) return host;
    throw new InvalidInputError('the actor is not a persistent actor of this persistence');
  }
}

/** The xstate logic around a front end: each actor gets a host, which takes all its messages. */
export class EntityActorLogic<S extends HostedState> {
  readonly #front: FrontEnd<S>;
  readonly #deps: EntityDeps;
  readonly #hosts: EntityHosts;

  constructor(front: FrontEnd<S>, deps: EntityDeps, hosts: EntityHosts) {
    this.#front = front;
    this.#deps = deps;
    this.#hosts = hosts;
  }

  /** Nothing is read or written before the actor starts. */
  readonly getInitialSnapshot = (scope: AnyActorScope, input: unknown): Exposed<S> => {
    const { host, state } = this.#open(scope, input);
    const exposed = host.expose();
    return state.status === 'error' ? { ...exposed, status: 'error', error: state.error } : exposed;
  };

  readonly restoreSnapshot = (stored: unknown, scope: AnyActorScope): Exposed<S> => {
    const pointer = stored as PersistedPointer;
    const exposed = this.getInitialSnapshot(scope, pointer.input);
    if (pointer.status === 'active') return exposed;
    const { status, output, error, sequenceNr } = pointer;
    const persistence = { ...exposed.persistence, phase: 'stopped', sequenceNr } as const;
    return { ...exposed, status, output, error, persistence };
  };

  readonly start = (_snapshot: unknown, scope: AnyActorScope): void => {
    this.#hosts.of(scope.self).start();
  };

  readonly transition = (
    _snapshot: unknown,
    event: EventObject,
    scope: AnyActorScope,
  ): Exposed<S> => {
    return this.#hosts.of(scope.self).process(event) as Exposed<S>;
  };

  readonly getPersistedSnapshot = (snapshot: Exposed<S>): PersistedPointer => {
    const { status, output, error } = snapshot;
    const { persistenceId, input, sequenceNr } = snapshot.persistence;
    return { status, output, error, persistenceId, input, sequenceNr };
  };

  #open(scope: AnyActorScope, givenInput: unknown): { host: EntityHost<S>; state: S } {
    const settings = this.#front.settings(givenInput);
    // What the machine sees of its input is what a later recovery will see of it.
    const isStored = givenInput !== undefined && settings.actor.initEvent !== 'never';
    const input = isStored ? storedForm(givenInput) : givenInput;
    const logic = this.#front.open(scope, {
      onTimer: (change) => host.noteTimer(change),
      onCrash: (error) => host.fail(error),
    });
    const run = logic.dryRun();
    const state = run.initial(input);
    const host: EntityHost<S> = new EntityHost({
      persistenceId: settings.persistenceId as PersistenceId,
      deps: this.#deps,
      settings,
      logic,
      self: scope.self,
      initialActs: run.actionCount > 0 || logic.hasRunningChild(state),
      state,
      sequenceNr: 0,
      input,
      initPending: false,
      writerUuid: '',
      journal: undefined,
      timers: new Timers(),
    });
    this.#hosts.set(scope.self, host as unknown as EntityHost<HostedState>);
    return { host, state };
  }
}
