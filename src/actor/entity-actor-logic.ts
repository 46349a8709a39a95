import type { AnyActorRef, AnyActorScope, EventObject } from 'xstate';
import { InvalidInputError, JournalError, RecoveryFailedError } from '../model/errors.ts';
import { storedForm } from '../model/stored-form.ts';
import { Attached } from '../runtime/attached.ts';
import { addressOf } from './delivery/actor-address.ts';
import { Entity } from './entity/entity.ts';
import type { EntityDeps } from './entity/entity-deps.ts';
import type { EntityLogic, HostedState } from './entity/entity-logic.ts';
import type { EntitySettings } from './entity/entity-options.ts';
import { CallbackFailed } from './entity/host-events.ts';
import type { JournalName } from './entity/journal-answers.ts';
import type { Exposed } from './entity/lifecycle.ts';
import type { SnapshotWire } from './entity/snapshot-wire.ts';
import { EntityHost } from './entity-host.ts';
import { guardDoor } from './front-door.ts';
import type { LogicHooks } from './machine/machine-logic.ts';
import { cancelDelaysBelow } from './machine/scheduled.ts';
import type { RecoveryPermits } from './recovery/recovery-permits.ts';
import type { EntityTraits } from './registry/registry-deps.ts';

/** What a way of describing entities has to say for each actor. */
export interface FrontEnd<S extends HostedState> {
  readonly settings: EntitySettings<S>;
  /** The options name no persistence id: only type and id of an entity can. */
  readonly needsId: boolean;
  /**
   * @param typedId type and id of an entity, for options that name no persistence id; `undefined` =
   *   the actor has none
   * @throws {InvalidInputError} no usable persistence id
   */
  persistenceIdOf(input: unknown, typedId: string | undefined): string;
  open(scope: AnyActorScope, hooks: LogicHooks, persistenceId: string): EntityLogic<S>;
  readonly wire: SnapshotWire<Exposed<S>>;
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
  readonly #hosts = new Attached<EntityHost<HostedState> | JournalError>('persistence host');

  set(self: AnyActorRef, host: EntityHost<HostedState>): void {
    this.#hosts.set(self, host);
  }

  /** `undefined` when it never came to be, or is none of this persistence's. */
  find(ref: object): EntityHost<HostedState> | undefined {
    const host = this.#hosts.get(ref);
    return host instanceof JournalError ? undefined : host;
  }

  /** The actor exists, and xstate will never start it. */
  setFailed(self: AnyActorRef, error: JournalError): void {
    this.#hosts.set(self, error);
  }

  /**
   * @throws {InvalidInputError} the actor is none of this persistence's, or has no usable id
   * @throws {RecoveryFailedError} its initial state cannot be computed
   */
  of(ref: object): EntityHost<HostedState> {
    const host = this.#hosts.get(ref);
    if (host instanceof JournalError) throw host;
    if (host !== undefined) return host;
    throw new InvalidInputError('the actor is not a persistent actor of this persistence');
  }
}

/** What the hosts of one persistence share. */
export interface HostDeps extends EntityDeps {
  readonly permits: RecoveryPermits;
  readonly hosts: EntityHosts;
}

/** The xstate logic around a front end: each actor gets a host, which takes all its messages. */
export class EntityActorLogic<S extends HostedState> implements EntityTraits<Exposed<S>> {
  /** How its snapshots travel to other processes. */
  readonly wire: SnapshotWire<Exposed<S>>;
  readonly #front: FrontEnd<S>;
  readonly #deps: HostDeps;
  readonly #type: string | undefined;
  readonly #hooks: LogicHooks;

  /** @param type that of its actors, which are all entities; `undefined` = they may be any */
  constructor(front: FrontEnd<S>, deps: HostDeps, type?: string) {
    this.wire = front.wire;
    this.#front = front;
    this.#deps = deps;
    this.#type = type;
    const { actor, deliveries } = front.settings;
    this.#hooks = {
      nowMs: () => deps.clock.nowMs(),
      random: () => deps.random(),
      restartsTimers: actor.timers === 'restart',
      // An actor that is started again has another host.
      onTimer: (self, change) => deps.hosts.of(self).noteTimer(change),
      addressOf: deliveries.sendTo ? persistentAddressOf : undefined,
    };
  }

  /**
   * The logic of the entities of a type.
   *
   * @throws {InvalidInputError} the journals are named by type and id, and the type cannot be a
   *   part of such a name
   */
  ofType(type: string): EntityActorLogic<S> {
    if (this.#front.needsId) checkPart(type, 'a type of entities');
    return new EntityActorLogic(this.#front, this.#deps, type);
  }

  /** Configuration path of the journal; `undefined` = the default one. */
  get journalPluginId(): string | undefined {
    return this.#front.settings.journalPluginId;
  }

  /** @throws {InvalidInputError} the input names no journal */
  persistenceIdOf(id: string, input: unknown): string {
    const { needsId } = this.#front;
    const isTyped = needsId && this.#type !== undefined;
    const typedId = isTyped ? `${this.#type}|${checkPart(id, 'the id of an entity')}` : undefined;
    return this.#front.persistenceIdOf(input, typedId);
  }

  /** @throws {InvalidInputError} the input names no journal */
  nameOf(id: string, input: unknown): JournalName {
    const { journalPluginId, snapshots } = this.#front.settings;
    const persistenceId = this.persistenceIdOf(id, input);
    return { persistenceId, journalPluginId, snapshotPluginId: snapshots.pluginId };
  }

  /** Nothing is read or written before the actor starts. */
  readonly getInitialSnapshot = (scope: AnyActorScope, input: unknown): Exposed<S> => {
    return this.#open(scope, input).expose();
  };

  readonly restoreSnapshot = (stored: unknown, scope: AnyActorScope): Exposed<S> => {
    const pointer = stored as PersistedPointer;
    const host = this.#open(scope, pointer.input);
    if (pointer.status !== 'active') host.restoreEnded(pointer);
    return host.expose();
  };

  readonly start = (_snapshot: unknown, scope: AnyActorScope): void => {
    const { hosts, permits } = this.#deps;
    const host = hosts.of(scope.self) as unknown as EntityHost<S>;
    if (!host.hasEnded) {
      host.start();
      return;
    }
    // It was stopped: React's strict mode, for one, stops an actor and starts it again. Delayed
    // events of the life before may be armed again by now. They would fire beside those of the
    // recovery.
    const { entity } = host;
    cancelDelaysBelow(scope.self);
    entity.forget();
    entity.childMessages.clear();
    const next = new EntityHost(entity, permits, scope);
    hosts.set(scope.self, next as unknown as EntityHost<HostedState>);
    next.start();
  };

  readonly transition = (
    _snapshot: unknown,
    event: EventObject,
    scope: AnyActorScope,
  ): Exposed<S> => {
    const host = this.#deps.hosts.of(scope.self);
    if (event instanceof CallbackFailed && !host.hasEnded) {
      host.crashed(event.error);
      throw event.error;
    }
    return host.process(event) as Exposed<S>;
  };

  readonly getPersistedSnapshot = (snapshot: Exposed<S>): PersistedPointer => {
    const { status, output, error } = snapshot;
    const { persistenceId, input, sequenceNr } = snapshot.persistence;
    return { status, output, error, persistenceId, input, sequenceNr };
  };

  /** @throws {InvalidInputError} as `persistenceIdOf`; names the actor */
  #idOf({ id, self }: AnyActorScope, input: unknown): string {
    try {
      return this.persistenceIdOf(id, input);
    } catch (error) {
      if (!(error instanceof InvalidInputError)) throw error;
      const { message, cause } = error;
      throw new InvalidInputError(`actor ${pathOf(self)}: ${message}`, { cause });
    }
  }

  /** @throws what xstate then shows as the error of the actor, which it never starts */
  #open(scope: AnyActorScope, given: unknown): EntityHost<S> {
    const { self } = scope;
    const { hosts, permits } = this.#deps;
    const { settings } = this.#front;
    let persistenceId: string | undefined;
    try {
      persistenceId = this.#idOf(scope, given);
      // What the machine sees of its input is what a later recovery will see of it.
      const isStored = given !== undefined && settings.actor.initEvent !== 'never';
      const input = isStored ? storedForm(given, 'input') : given;
      const logic = this.#front.open(scope, this.#hooks, persistenceId);
      const run = logic.dryRun();
      const state = run.initial(input);
      if (state.status === 'error') throw state.error;
      const initialActs = run.actionCount > 0 || logic.hasRunningChild(state);
      const deps = this.#deps;
      const start = { persistenceId, deps, settings, logic, self, input, state, initialActs };
      const entity = new Entity(start);
      const host = new EntityHost(entity, permits, scope);
      guardDoor(self, entity);
      noteCrashes(scope, hosts);
      hosts.set(self, host as unknown as EntityHost<HostedState>);
      return host;
    } catch (error) {
      // What askers of an actor hear that xstate never starts.
      const text = `the initial state of ${persistenceId ?? 'the actor'} cannot be computed; nothing was stored`;
      const isOurs = error instanceof JournalError;
      hosts.setFailed(self, isOurs ? error : new RecoveryFailedError(text, { cause: error }));
      throw error;
    }
  }
}

/** Such as `x:0.payment`: the ids of its parents, from the root on, and its own. */
function pathOf({ id, _parent }: AnyActorRef): string {
  return _parent === undefined ? id : `${pathOf(_parent)}.${id}`;
}

/** Other actors take a message at most once, and have no use for a repetition. */
function persistentAddressOf(actor: AnyActorRef, from: AnyActorRef): string | undefined {
  const { logic } = actor as { readonly logic?: unknown };
  return logic instanceof EntityActorLogic ? addressOf(actor, from) : undefined;
}

/**
 * The part of a persistence id that is made of type and id. Otherwise two entities could have one
 * journal: `a` of type `b|c`, and `c|a` of type `b`.
 *
 * @throws {InvalidInputError} it contains what separates them
 */
function checkPart(part: string, what: string): string {
  if (!part.includes('|')) return part;
  const text = `without the option "persistenceId" ${what} must not contain "|"`;
  throw new InvalidInputError(`${text}, as ${JSON.stringify(part)} does; nothing was stored`);
}

/**
 * xstate ends an actor whose deferred effects throw, without another message to it: those who
 * asked would wait for ever.
 */
function noteCrashes(scope: AnyActorScope, hosts: EntityHosts): void {
  const { defer } = scope;
  scope.defer = (effect) =>
    defer(() => {
      try {
        effect();
      } catch (error) {
        hosts.of(scope.self).crashed(error);
        throw error;
      }
    });
}
