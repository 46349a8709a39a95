import type {
  ActorRefFrom,
  AnyActorLogic,
  AnyActorRef,
  EventFromLogic,
  SnapshotFrom,
} from 'xstate';
import { createActor } from 'xstate';
import { ClosedError, InvalidInputError } from '../../model/errors.ts';
import type { Logger } from '../../observability/logger.ts';
import { Alarms } from '../../runtime/alarms.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { AskResult, WaitOptions } from '../entity/ask.ts';
import { checkCommand, checkId, commandFault } from '../entity/check-input.ts';

/** How to ask. */
export interface AskOptions {
  /** How long to wait for the answer, ms, above 0; 30 s unless given. */
  readonly timeout?: number;
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
}

/** A type of entities. */
export interface EntityType<L extends AnyActorLogic> {
  readonly type: string;
  readonly logic: L;
  readonly options: EntityRegistryOptions;
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
}

interface Entry {
  readonly ref: AnyActorRef;
  stopping: Promise<void> | undefined;
}

/** An idle time is checked at this fraction of itself. */
const sweepsPerIdleTime = 2;
/** The wait before an entity that failed after it was woken is woken again; doubled each time. */
const firstRetryMs = 1000;
const longestRetryMs = 60_000;

/** The entities of one type in this process; ends with the abort of `closing`. */
export class LocalEntityRegistry<L extends AnyActorLogic> implements EntityRegistry<L> {
  readonly #type: string;
  readonly #logic: L;
  readonly #deps: RegistryDeps;
  readonly #input: (id: string) => unknown;
  readonly #entries = new Map<string, Entry>();
  readonly #alarms: Alarms;
  #sweeping = false;

  constructor({ type, logic, options }: EntityType<L>, deps: RegistryDeps) {
    this.#type = type;
    this.#logic = logic;
    this.#deps = deps;
    this.#input = options.input ?? ((id) => ({ id }));
    const { clock, closing } = deps;
    this.#alarms = new Alarms({ clock, closing, wake: (id) => this.#wake(id) });
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
    const stopping = this.#entries.get(id)?.stopping;
    if (stopping !== undefined) await stopping;
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
      this.#deps.log.warn({ type: this.#type, id, err }, 'command refused');
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
        this.#deps.log.warn({ type: this.#type, id, err: error }, 'a command came too late');
      });
  }

  async stop(id: string): Promise<void> {
    const entry = this.#entries.get(id);
    this.#alarms.take(id);
    if (entry === undefined) return;
    entry.stopping ??= this.#deps.stop(entry.ref);
    await entry.stopping;
    this.#forget(id, entry);
  }

  ids(): readonly string[] {
    return [...this.#entries.keys()];
  }

  /** An actor that is not started: nothing of it is known but its input. */
  #create(id: string): AnyActorRef {
    if (this.#deps.closing.aborted) throw new ClosedError('the persistence is shut down');
    checkId(id, 'the id of an entity');
    let input: unknown;
    try {
      input = this.#input(id);
    } catch (cause) {
      const text = `the input of "${this.#type}" for "${id}" threw; nothing was started`;
      throw new InvalidInputError(text, { cause });
    }
    return createActor(this.#logic, { id, input } as never) as AnyActorRef;
  }

  #entry(id: string): Entry {
    const existing = this.#entries.get(id);
    if (existing !== undefined) return existing;
    const ref = this.#create(id);
    const wakeUp = this.#alarms.take(id);
    const entry: Entry = { ref, stopping: undefined };
    this.#entries.set(id, entry);
    // An error that nobody observes would end the process.
    ref.subscribe({
      complete: () => this.#forget(id, entry),
      error: (err: unknown) => {
        this.#deps.log.error({ type: this.#type, id, err }, 'entity failed');
        this.#forget(id, entry);
        if (wakeUp !== undefined) this.#wakeLater(id, wakeUp.failures + 1);
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
      this.#deps.log.error({ type: this.#type, id, err }, 'entity cannot be woken');
      this.#wakeLater(id, (this.#alarms.take(id)?.failures ?? 0) + 1);
    }
  }

  #wakeLater(id: string, failures: number): void {
    const { clock, closing } = this.#deps;
    if (closing.aborted) return;
    const delayMs = Math.min(longestRetryMs, firstRetryMs * 2 ** Math.min(failures - 1, 30));
    this.#alarms.set(id, { atMs: clock.nowMs() + delayMs, failures });
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
        for (const [id, { ref }] of this.#entries) {
          const host = this.#deps.hostOf(ref);
          if (host?.isIdleFor(idleMs) !== true) continue;
          const atMs = host.nextTimerMs;
          if (atMs !== undefined && this.#alarms.size >= this.#deps.maxWakeUps) continue;
          ref.stop(); // nothing is under way in an idle one, so this ends it on the spot
          if (atMs !== undefined) this.#alarms.set(id, { atMs, failures: 0 });
        }
      }
    } finally {
      this.#sweeping = false;
    }
  }
}
