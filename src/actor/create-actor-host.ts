import type { AnyActorLogic, AnyActorRef, EventObject } from 'xstate';
import { ClosedError, InvalidInputError, WriteFailedError } from '../model/errors.ts';
import { checkGivenNames, type OptionNames } from '../model/option-names.ts';
import { SeqNr } from '../model/seq-nr.ts';
import type { Logger } from '../observability/logger.ts';
import type { JournalPlugin } from '../ports/journal-plugin.ts';
import type { Clock } from '../runtime/clock.ts';
import { unlessAborted } from '../runtime/waiting.ts';
import type { ActorHost, PersistentRef } from './actor-host.ts';
import { behaviorFrontEnd, type MakeBehavior } from './behavior.ts';
import { AskDeadlines } from './command/ask-deadlines.ts';
import type { AskResult, WaitOptions } from './entity/ask.ts';
import { Ask, defaultAskTimeoutMs } from './entity/ask.ts';
import { type BoundedWait, inTime } from './entity/bounded-wait.ts';
import { checkId, checkSignal, checkTerms, checkTimeout, checkWait } from './entity/check-input.ts';
import type { Entity } from './entity/entity.ts';
import type { EntityDeps } from './entity/entity-deps.ts';
import type { HostedState } from './entity/entity-logic.ts';
import type { ActorSettings } from './entity/entity-options.ts';
import type { JournalName } from './entity/journal-answers.ts';
import { LiveEntities } from './entity/live-entities.ts';
import type { Moment } from './entity/moment.ts';
import type { PersistenceInfo } from './entity/persistence-info.ts';
import type { HostDeps } from './entity-actor-logic.ts';
import { EntityActorLogic, EntityHosts } from './entity-actor-logic.ts';
import type { EntityHost } from './entity-host.ts';
import { deleteEvents, purgeEntity } from './journal-upkeep.ts';
import { automaticIds } from './machine/automatic-ids.ts';
import { type MakePersistent, machineFrontEnd } from './persistent.ts';
import { RecoveryPermits } from './recovery/recovery-permits.ts';
import type {
  AnyEntityLogic,
  AskOptions,
  EntityRegistry,
  EntityRegistryOptions,
  LocalEntities,
} from './registry/entities.ts';
import { LocalEntityRegistry } from './registry/entity-registry.ts';

/** What persistent actors need from outside. */
export interface ActorHostOptions {
  readonly settings: ActorSettings;
  /**
   * The journal of a configuration path; `undefined` = the default one. Called at each recovery.
   */
  readonly journal: (pluginId: string | undefined, signal: AbortSignal) => Promise<JournalPlugin>;
  /** The failure that keeps calls of a journal waiting; `undefined` = none. None unless given. */
  readonly journalTrouble?: EntityDeps['journalTrouble'];
  /**
   * The snapshot store of a configuration path; `undefined` = the default one. Resolves with
   * `undefined` when there is none. Nothing is stored of snapshots unless given.
   */
  readonly snapshotStore?: EntityDeps['snapshotStore'];
  /** What the configuration binds to the events of a journal; nothing unless given. */
  readonly journalCoding?: EntityDeps['journalCoding'];
  /** Longest silence in recoveries from another journal; as in `settings` unless given. */
  readonly recoveryEventTimeoutMs?: (journalPluginId: string) => number;
  readonly log: Logger;
  readonly clock: Clock;
  readonly randomUuid: () => string;
  /** 0 <= value < 1; `Math.random` unless given. */
  readonly random?: () => number;
  /**
   * Called for each type of entities: says which of them belong to this process, and what callers
   * get instead of the local ones. All are local unless given.
   *
   * @throws {InvalidInputError} the options lack something for that
   */
  readonly place?: PlaceEntities;
}

/** See {@link ActorHostOptions.place}. */
export type PlaceEntities = <L extends AnyActorLogic>(
  local: LocalEntities<L>,
  options: EntityRegistryOptions,
) => EntityRegistry<L>;

/** Entities with a pending timer that a registry stops when idle; more stay in memory. */
const maxWakeUps = 100_000;

const typeOptionNames: OptionNames<EntityRegistryOptions> = { input: true, topics: true };

const automaticIdsText =
  'ids that xstate made from the places of states are stored in the journal: once such a state is ' +
  'renamed or moved, stored entities cannot be recovered; give the machine and its invokes an id';

/** Opens nothing: journals are asked for when the first actor recovers. */
export function createActorHost(options: ActorHostOptions): ActorHost {
  return new LocalActorHost(options);
}

class LocalActorHost implements ActorHost {
  readonly #settings: ActorSettings;
  readonly #deps: HostDeps;
  readonly #deadlines: AskDeadlines;
  readonly #types = new Set<string>();
  readonly #closing = new AbortController();
  readonly #place: PlaceEntities;
  readonly #recoveryEventTimeoutMs: (journalPluginId: string) => number;

  constructor({
    settings,
    journal,
    journalTrouble = () => undefined,
    snapshotStore = async () => undefined,
    journalCoding = async () => undefined,
    recoveryEventTimeoutMs = () => settings.recoveryEventTimeoutMs,
    log,
    clock,
    randomUuid,
    random = Math.random,
    place = (local) => local,
  }: ActorHostOptions) {
    this.#place = place;
    this.#recoveryEventTimeoutMs = recoveryEventTimeoutMs;
    this.#settings = settings;
    const permits = new RecoveryPermits(settings.maxConcurrentRecoveries);
    const [live, hosts] = [new LiveEntities(), new EntityHosts()];
    const shared = { log, clock, random, randomUuid };
    const plugins = { journal, journalTrouble, snapshotStore, journalCoding };
    const ask: EntityDeps['ask'] = (ref, command, how) => this.ask(ref, command, how);
    this.#deps = { ...plugins, ...shared, ask, permits, live, hosts };
    this.#deadlines = new AskDeadlines(clock);
  }

  readonly persistent: MakePersistent = (machine, options) => {
    const front = machineFrontEnd(machine, options, this.#settingsFor(options?.journalPluginId));
    const ids = automaticIds(machine);
    if (ids.length > 0) this.#deps.log.warn({ machine: machine.id, ids }, automaticIdsText);
    return new EntityActorLogic(front, this.#deps) as never;
  };

  readonly behavior: MakeBehavior = (options) =>
    new EntityActorLogic(
      behaviorFrontEnd(options, this.#settingsFor(options?.journalPluginId)),
      this.#deps,
    ) as never;

  #settingsFor(journalPluginId: string | undefined): ActorSettings {
    const settings = this.#settings;
    if (!journalPluginId) return settings;
    const recoveryEventTimeoutMs = this.#recoveryEventTimeoutMs(journalPluginId);
    return { ...settings, recoveryEventTimeoutMs };
  }

  ask<S extends { readonly persistence: PersistenceInfo }, C extends EventObject>(
    ref: PersistentRef<S, C>,
    command: C,
    options?: AskOptions,
  ): Promise<AskResult<S>> {
    if (this.#closing.signal.aborted) return Promise.reject(this.#closing.signal.reason);
    try {
      const timeoutMs = checkTimeout(options?.timeout ?? defaultAskTimeoutMs);
      const signal = checkSignal(options?.signal);
      signal?.throwIfAborted();
      const terms = checkTerms(options);
      const host = this.#deps.hosts.of(ref);
      const ask = new Ask(command, this.#deps.clock.steadyMs() + timeoutMs, terms, host.work);
      host.ask(ask);
      this.#deadlines.watch(ask, timeoutMs);
      if (signal !== undefined) ask.giveUpOn(signal);
      return ask.promise as Promise<AskResult<S>>;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  entities<L extends AnyEntityLogic>(
    type: string,
    given: L,
    ...[options = {}]: readonly [EntityRegistryOptions?]
  ): EntityRegistry<L> {
    this.#closing.signal.throwIfAborted();
    checkId(type, 'a type of entities');
    checkGivenNames(options, typeOptionNames, 'entities()');
    if (this.#types.has(type)) throw new InvalidInputError(`entities "${type}" exist already`);
    const any: unknown = given;
    if (!(any instanceof EntityActorLogic)) {
      const text = `the logic of entities "${type}" must come from persistent() or behavior()`;
      throw new InvalidInputError(text);
    }
    const traits = any.ofType(type);
    const logic = traits as unknown as L;
    const local = new LocalEntityRegistry(
      { type, logic, options, traits },
      {
        log: this.#deps.log,
        clock: this.#deps.clock,
        closing: this.#closing.signal,
        ask: (ref, command, how) => this.ask(ref, command as EventObject, how),
        peek: (ref, how, moment) => this.#peek(ref, how, moment),
        deleteEvents: (ref, to, how) => this.deleteEvents(ref, to, how),
        purge: (name, how) => this.#purge(name, how),
        stop: (ref) => this.stop(ref),
        whenRecoveredAnew: (ref, how) =>
          this.#recovery(ref, how, (host, signal) => host.whenRecoveredAnew(signal)),
        maxWakeUps,
        hostOf: (ref) => this.#deps.hosts.find(ref),
      },
    );
    const placed = this.#place(local, options);
    this.#types.add(type);
    return placed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }

  whenRecovered(ref: object, options?: WaitOptions): Promise<void> {
    return this.#recovery(ref, options, (host, signal) => host.whenRecovered(signal));
  }

  async #recovery(
    ref: object,
    options: WaitOptions | undefined,
    of: (host: EntityHost<HostedState>, signal: AbortSignal | undefined) => Promise<void>,
  ): Promise<void> {
    checkWait(options);
    const host = this.#deps.hosts.of(ref);
    const text = `${host.persistenceId} has not recovered in time; it goes on trying`;
    const wait = { text, stored: 'no' } as const;
    await inTime(this.#deps.clock, wait, options, (signal) => of(host, signal));
  }

  async #peek(ref: object, options?: WaitOptions, moment?: Moment): Promise<unknown> {
    const host = this.#deps.hosts.of(ref);
    const text = `the journal of ${host.persistenceId} was not read in time`;
    const wait = { text, stored: 'no' } as const;
    return await this.#untilClosed(wait, options, (signal) => host.peek(signal, moment));
  }

  async deleteEvents(ref: object, to: number, options?: WaitOptions): Promise<void> {
    const upTo = SeqNr.of(to);
    const host = this.#deps.hosts.of(ref);
    const { persistenceId } = host;
    const text = `the events of ${persistenceId} were not deleted in time; they may be later`;
    const wait = { text, stored: 'unknown' } as const;
    await this.#untilClosed(wait, options, async (signal) => {
      await host.whenRecoveredAnew(signal);
      const { entity, hasEnded } = host;
      const actor = hasEnded ? undefined : host;
      const deleting = deleteEvents(this.#deps, { ...nameOf(entity), to: upTo, actor }, signal);
      this.#deps.live.upkeep.add(persistenceId, deleting);
      await deleting;
    });
  }

  async purge(ref: object, options?: WaitOptions): Promise<void> {
    await this.#purge(nameOf(this.#deps.hosts.of(ref).entity), options);
  }

  async #purge(name: JournalName, options?: WaitOptions): Promise<void> {
    const text = `${name.persistenceId} was not purged in time; it may be later`;
    const wait = { text, stored: 'unknown' } as const;
    await this.#untilClosed(wait, options, (signal) => purgeEntity(this.#deps, name, signal));
  }

  /**
   * @throws {InvalidInputError} an option is wrong, or does not exist; nothing was begun
   * @throws {DeadlineExceededError} the text of the wait, and the timeout
   * @throws {ClosedError} the persistence is shut down; nothing was changed
   * @throws {WriteFailedError} it was shut down meanwhile, and the work may be done
   */
  async #untilClosed<T>(
    wait: BoundedWait,
    options: WaitOptions | undefined,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const closing = this.#closing.signal;
    closing.throwIfAborted();
    checkWait(options);
    const given = checkSignal(options?.signal);
    given?.throwIfAborted(); // nothing is begun for it
    const signal = given === undefined ? closing : AbortSignal.any([given, closing]);
    const { clock } = this.#deps;
    try {
      return await inTime(clock, wait, { ...options, signal }, (either = signal) =>
        unlessAborted(work(either), either),
      );
    } catch (error) {
      const isCut = closing.aborted && error === closing.reason;
      if (!isCut || wait.stored === 'no') throw error;
      throw new WriteFailedError(`the shutdown came first: ${wait.text}`, { cause: error });
    }
  }

  async stop(ref: object): Promise<void> {
    const host = this.#deps.hosts.of(ref);
    if ((ref as AnyActorRef)._parent !== undefined && !host.hasEnded) {
      throw new InvalidInputError(`${host.persistenceId} has a parent, which alone may stop it`);
    }
    await host.shutDown();
  }

  async shutdown(): Promise<void> {
    this.#closing.abort(new ClosedError('the persistence is shut down'));
    await Promise.all([...this.#deps.live].map((entity) => entity.shutDown()));
    this.#deadlines.close();
  }
}

function nameOf({ persistenceId, settings }: Entity<HostedState>): JournalName {
  const { journalPluginId, snapshots } = settings;
  return { persistenceId, journalPluginId, snapshotPluginId: snapshots.pluginId };
}
