import type {
  ActorRefFrom,
  AnyActorLogic,
  AnyActorRef,
  EventFromLogic,
  SnapshotFrom,
} from 'xstate';
import { createActor } from 'xstate';
import { ClosedError, InvalidInputError, NotOwnerError } from '../../model/errors.ts';
import type { Logger } from '../../observability/logger.ts';
import type { Clock } from '../../runtime/clock.ts';
import { Deadline, unlessAborted } from '../../runtime/waiting.ts';
import type { AskResult, WaitOptions } from '../entity/ask.ts';
import { checkCommand, checkId, checkSignal, commandFault } from '../entity/check-input.ts';
import type { SnapshotWire } from '../entity/snapshot-wire.ts';
import { WakeUps } from './wake-ups.ts';

/** How to ask. */
export interface AskOptions {
  /** How long to wait for the answer, ms, above 0; 30 s unless given. */
  readonly timeout?: number;
  /**
   * Gives up when it fires: `ask` rejects with its reason. A command that has not had its turn by
   * then never runs. One whose write is under way may or may not be stored, and one whose answer is
   * under way is stored; the reason cannot say which.
   */
  readonly signal?: AbortSignal;
}

/**
 * Entities of one type by id: started when first spoken to, stopped when idle. One that was
 * stopped with a delayed event pending is started again when that is due, as long as this process
 * lives; after a restart of the process the event waits until somebody speaks to the entity.
 */
export interface EntityRegistry<L extends AnyActorLogic> {
  /**
   * The live actor of `id`, started if need be. It may be stopped when idle: do not keep it.
   *
   * @throws {InvalidInputError} the id is blank or not well-formed, or the input of the type threw
   * @throws {ClosedError} after the shutdown
   */
  ref(id: string): ActorRefFrom<L>;
  /**
   * As `ask` on the actor; a command for an entity that is being stopped waits and starts it
   * again.
   *
   * @throws as `ask` on the actor, and as `ref`
   */
  ask(
    id: string,
    command: EventFromLogic<L>,
    options?: AskOptions,
  ): Promise<AskResult<SnapshotFrom<L>>>;
  /**
   * The entity as its journal has it at the moment, wherever it is live. Nothing is started, stored
   * or taken over by that: no actor, no child, no timer. Phase `unowned`.
   *
   * @throws {RecoveryFailedError} the journal cannot be read, or its events not be applied
   * @throws {DeadlineExceededError} not within `timeout`
   * @throws {InvalidInputError} {@link ClosedError} as `ref`
   * @throws the abort reason when `signal` fires
   */
  peek(id: string, options?: WaitOptions): Promise<SnapshotFrom<L>>;
  /**
   * A command that is rejected leaves a warning in the log.
   *
   * @throws as `ref`
   */
  send(id: string, command: EventFromLogic<L>): void;
  /**
   * Waits for the commands that it holds and for its write; its timers do not start it again.
   *
   * @throws when the entity could not be ended
   */
  stop(id: string): Promise<void>;
  /** Ids of the live entities. */
  ids(): readonly string[];
}

/** How the entities of a type are started. */
export interface EntityRegistryOptions {
  /** What the entity of an id is started with; `{ id }` unless given. */
  readonly input?: (id: string) => unknown;
  /**
   * The topics of the journals of this type. Needed only where the instances share their entities
   * (`fleet.enabled`) and the topic is a part of the persistence id.
   */
  readonly topics?: readonly string[];
}

/** Why entities end here that another process goes on with, and how much time that may take. */
export interface HandOver {
  readonly reason: NotOwnerError;
  /** 0 = they end at once, whatever is under way. */
  readonly limitMs: number;
}

/**
 * The entities of one type in this process, for whoever decides which of them belong here. A place
 * is an object that stands for all entities which move together.
 */
export interface LocalEntities<L extends AnyActorLogic> extends EntityRegistry<L> {
  readonly type: string;
  /** Configuration path of their journal; `undefined` = the default one. */
  readonly journalPluginId: string | undefined;
  readonly wire: SnapshotWire<SnapshotFrom<L>>;
  /**
   * @throws as `ref`
   */
  persistenceIdOf(id: string): string;
  /**
   * From now on `placeOf` is asked before an entity starts, also when its timer starts it. It throws
   * `NotOwnerError` when the entity does not belong here.
   */
  placeBy(placeOf: (id: string) => object): void;
  /**
   * Ends the entities of a place, which takes no new ones by now, and forgets their timers. What is
   * being written gets its answer; commands that wait are rejected with `EntityStoppedError`, whose
   * `stored` is `'no'` and whose cause is the reason. An entity that does not end in time is stopped:
   * then `stored` is `'unknown'` for what it was writing.
   */
  handOver(place: object, how: HandOver): Promise<void>;
}

/** A type of entities. */
export interface EntityType<L extends AnyActorLogic> {
  readonly type: string;
  readonly logic: L;
  readonly options: EntityRegistryOptions;
  /** What the logic knows of its entities. */
  readonly traits: EntityTraits<SnapshotFrom<L>>;
}

/** What the logic of a persistent actor knows before there is an actor. */
export interface EntityTraits<S> {
  readonly journalPluginId: string | undefined;
  readonly wire: SnapshotWire<S>;
  /** @throws {InvalidInputError} the input names no journal */
  persistenceIdOf(input: unknown): string;
}

/** What a registry needs of the actors' host. */
export interface RegistryDeps {
  readonly log: Logger;
  readonly clock: Clock;
  /** @throws as `ask` of the host */
  ask(ref: AnyActorRef, command: unknown, options?: AskOptions): Promise<AskResult>;
  /**
   * What the journal says of the entity of an actor that is not started.
   *
   * @throws as `peek` of the registry
   */
  peek(ref: AnyActorRef, options?: WaitOptions): Promise<unknown>;
  /** @throws {InvalidInputError} the actor has a parent */
  stop(ref: AnyActorRef): Promise<void>;
  /** `undefined` when the actor never came to be. */
  hostOf(ref: AnyActorRef): EntityView | undefined;
  /** Entities with a pending timer that may be stopped at a time. */
  readonly maxWakeUps: number;
  readonly closing: AbortSignal;
}

/** What a registry needs to know of an entity. */
export interface EntityView {
  /** 0 = never. */
  readonly passivateAfterMs: number;
  /** When the next delayed event is due, ms since the epoch. */
  readonly nextTimerMs: number | undefined;
  isIdleFor(ms: number): boolean;
  /** Resolves when it has ended; see `LocalEntities.handOver`. */
  handOver(reason: NotOwnerError): Promise<void>;
  /** It ends at once. */
  drop(reason: NotOwnerError): void;
}

interface Entry {
  readonly ref: AnyActorRef;
  readonly place: object | undefined;
  stopping: Promise<void> | undefined;
}

/** An idle time is checked at this fraction of itself. */
const sweepsPerIdleTime = 2;
/** The wait before an entity that failed after it was woken is woken again; doubled each time. */
const firstRetryMs = 1000;
const longestRetryMs = 60_000;

/** The entities of one type in this process; ends with the abort of `closing`. */
export class LocalEntityRegistry<L extends AnyActorLogic> implements LocalEntities<L> {
  readonly type: string;
  readonly #traits: EntityTraits<SnapshotFrom<L>>;
  readonly #logic: L;
  readonly #deps: RegistryDeps;
  readonly #input: (id: string) => unknown;
  readonly #entries = new Map<string, Entry>();
  readonly #wakeUps: WakeUps;
  #sweeping = false;
  #placeOf: (id: string) => object | undefined = () => undefined;

  constructor({ type, logic, options, traits }: EntityType<L>, deps: RegistryDeps) {
    this.type = type;
    this.#traits = traits;
    this.#logic = logic;
    this.#deps = deps;
    this.#input = options.input ?? ((id) => ({ id }));
    const { clock, closing } = deps;
    this.#wakeUps = new WakeUps({ clock, closing, wake: (id) => this.#wake(id) });
  }

  get journalPluginId(): string | undefined {
    return this.#traits.journalPluginId;
  }

  get wire(): SnapshotWire<SnapshotFrom<L>> {
    return this.#traits.wire;
  }

  persistenceIdOf(id: string): string {
    return this.#traits.persistenceIdOf(this.#inputOf(id));
  }

  placeBy(placeOf: (id: string) => object): void {
    this.#placeOf = placeOf;
  }

  ref(id: string): ActorRefFrom<L> {
    return this.#entry(id).ref as ActorRefFrom<L>;
  }

  async ask(
    id: string,
    command: EventFromLogic<L>,
    options?: AskOptions,
  ): Promise<AskResult<SnapshotFrom<L>>> {
    checkCommand(command);
    const signal = checkSignal(options?.signal);
    signal?.throwIfAborted(); // nothing is started for it
    const stopping = this.#entries.get(id)?.stopping;
    if (stopping !== undefined) await unlessAborted(stopping, signal);
    const result = this.#deps.ask(this.#entry(id).ref, command, options);
    return result as Promise<AskResult<SnapshotFrom<L>>>;
  }

  async peek(id: string, options?: WaitOptions): Promise<SnapshotFrom<L>> {
    const snapshot = await this.#deps.peek(this.#create(id), options);
    return snapshot as SnapshotFrom<L>;
  }

  send(id: string, command: EventFromLogic<L>): void {
    const err = commandFault(command);
    if (err !== undefined) {
      this.#deps.log.warn({ type: this.type, id, err }, 'command refused');
      return;
    }
    const stopping = this.#entries.get(id)?.stopping;
    if (stopping === undefined) {
      this.#entry(id).ref.send(command);
      return;
    }
    stopping
      .then(() => this.#entry(id).ref.send(command))
      .catch((error) => {
        this.#deps.log.warn({ type: this.type, id, err: error }, 'a command came too late');
      });
  }

  async stop(id: string): Promise<void> {
    const entry = this.#entries.get(id);
    this.#wakeUps.take(id);
    if (entry === undefined) return;
    entry.stopping ??= this.#deps.stop(entry.ref);
    await entry.stopping;
    this.#forget(id, entry);
  }

  ids(): readonly string[] {
    return [...this.#entries.keys()];
  }

  async handOver(place: object, { reason, limitMs }: HandOver): Promise<void> {
    this.#wakeUps.dropAt(place);
    const ends: ((deadline: Deadline) => Promise<void>)[] = [];
    for (const [id, entry] of this.#entries) {
      const host = entry.place === place ? this.#deps.hostOf(entry.ref) : undefined;
      if (limitMs === 0) host?.drop(reason);
      else if (host !== undefined) {
        const ending = host.handOver(reason);
        entry.stopping = ending.then(() => this.#forget(id, entry));
        ends.push(async (deadline) => {
          if ((await deadline.within(ending)) === 'expired') host.drop(reason);
        });
      }
    }
    if (ends.length === 0) return;
    const deadline = new Deadline(limitMs, this.#deps.clock);
    await Promise.all(ends.map((end) => end(deadline)));
    deadline.end();
  }

  /** What the entity is started with. */
  #inputOf(id: string): unknown {
    if (this.#deps.closing.aborted) throw new ClosedError('the persistence is shut down');
    checkId(id, 'the id of an entity');
    try {
      return this.#input(id);
    } catch (cause) {
      const text = `the input of "${this.type}" for "${id}" threw; nothing was started`;
      throw new InvalidInputError(text, { cause });
    }
  }

  /** An actor that is not started: nothing of it is known but its input. */
  #create(id: string): AnyActorRef {
    const input = this.#inputOf(id);
    return createActor(this.#logic, { id, input } as never) as AnyActorRef;
  }

  #entry(id: string): Entry {
    const existing = this.#entries.get(id);
    if (existing !== undefined) return existing;
    const place = this.#placeOf(id);
    const ref = this.#create(id);
    const wakeUp = this.#wakeUps.take(id);
    const entry: Entry = { ref, place, stopping: undefined };
    this.#entries.set(id, entry);
    // An error that nobody observes would end the process.
    ref.subscribe({
      complete: () => this.#forget(id, entry),
      error: (err: unknown) => {
        this.#deps.log.error({ type: this.type, id, err }, 'entity failed');
        this.#forget(id, entry);
        if (wakeUp !== undefined) this.#wakeLater(id, wakeUp.failures + 1, place);
      },
    });
    ref.start();
    const idleMs = this.#deps.hostOf(ref)?.passivateAfterMs ?? 0;
    if (idleMs > 0 && !this.#sweeping) this.#sweep(idleMs).catch(() => {}); // shut down
    return entry;
  }

  /** A delayed event is due: recovery fires it. */
  #wake(id: string): void {
    try {
      this.#entry(id);
    } catch (err) {
      const wakeUp = this.#wakeUps.take(id);
      if (err instanceof NotOwnerError) return; // another process goes on with it
      this.#deps.log.error({ type: this.type, id, err }, 'entity cannot be woken');
      this.#wakeLater(id, (wakeUp?.failures ?? 0) + 1, wakeUp?.place);
    }
  }

  #wakeLater(id: string, failures: number, place: object | undefined): void {
    const { clock, closing } = this.#deps;
    if (closing.aborted) return;
    const delayMs = Math.min(longestRetryMs, firstRetryMs * 2 ** Math.min(failures - 1, 30));
    this.#wakeUps.set(id, { atMs: clock.nowMs() + delayMs, failures, place });
  }

  #forget(id: string, entry: Entry): void {
    if (this.#entries.get(id) === entry) this.#entries.delete(id);
  }

  /** Stops idle entities; ends with the last one. */
  async #sweep(idleMs: number): Promise<void> {
    this.#sweeping = true;
    const { clock, closing } = this.#deps;
    const everyMs = Math.max(1, Math.ceil(idleMs / sweepsPerIdleTime));
    try {
      while (this.#entries.size > 0) {
        await clock.sleep(everyMs, { signal: closing });
        for (const [id, { ref, place }] of this.#entries) {
          const host = this.#deps.hostOf(ref);
          if (host?.isIdleFor(idleMs) !== true) continue;
          const atMs = host.nextTimerMs;
          if (atMs !== undefined && this.#wakeUps.size >= this.#deps.maxWakeUps) continue;
          ref.stop(); // nothing is under way in an idle one, so this ends it on the spot
          if (atMs !== undefined) this.#wakeUps.set(id, { atMs, failures: 0, place });
        }
      }
    } finally {
      this.#sweeping = false;
    }
  }
}
