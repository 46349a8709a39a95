import type {
  ActorRefFrom,
  AnyActorLogic,
  AnyActorRef,
  EventFromLogic,
  SnapshotFrom,
} from 'xstate';
import { createActor } from 'xstate';
import { ClosedError, InvalidInputError } from '../model/errors.ts';
import type { Logger } from '../observability/logger.ts';
import type { Clock } from '../runtime/clock.ts';
import type { AskResult } from './ask.ts';

export interface AskOptions {
  /** How long to wait for the answer, ms; 30 s unless given. */
  readonly timeout?: number;
}

/** Entities of one type by id: started when first spoken to, stopped when idle. */
export interface EntityRegistry<L extends AnyActorLogic> {
  /** The live actor of `id`, started if need be. It may be stopped when idle: do not keep it. */
  ref(id: string): ActorRefFrom<L>;
  /**
   * As `ask` on the actor; a command for an entity that is being stopped waits and starts it again.
   */
  ask(
    id: string,
    command: EventFromLogic<L>,
    options?: AskOptions,
  ): Promise<AskResult<SnapshotFrom<L>>>;
  send(id: string, command: EventFromLogic<L>): void;
  /** Waits for the commands that it holds and for its write. */
  stop(id: string): Promise<void>;
  /** Ids of the live entities. */
  ids(): readonly string[];
}

export interface EntityRegistryOptions {
  /** What the entity of an id is started with; `{ id }` unless given. */
  readonly input?: (id: string) => unknown;
}

export interface RegistryDeps {
  readonly log: Logger;
  readonly clock: Clock;
  ask(ref: AnyActorRef, command: unknown, options?: AskOptions): Promise<AskResult>;
  stop(ref: AnyActorRef): Promise<void>;
  passivateAfterMs(ref: AnyActorRef): number;
  isIdleFor(ref: AnyActorRef, ms: number): boolean;
  readonly closing: AbortSignal;
}

/** Joins the two parts of a persistence id as the JVM's typed helper does: `type|id`. */
export function entityPersistenceId(type: string, id: string): string {
  for (const part of [type, id]) {
    if (part.trim() === '' || part.includes('|')) {
      throw new InvalidInputError(`"${part}" must not be blank nor contain "|"`);
    }
  }
  return `${type}|${id}`;
}

interface Entry {
  readonly ref: AnyActorRef;
  stopping: Promise<void> | undefined;
}

/** An idle time is checked at this fraction of itself. */
const sweepsPerIdleTime = 2;

export class LocalEntityRegistry<L extends AnyActorLogic> implements EntityRegistry<L> {
  readonly #type: string;
  readonly #logic: L;
  readonly #deps: RegistryDeps;
  readonly #input: (id: string) => unknown;
  readonly #entries = new Map<string, Entry>();
  #sweeping = false;

  constructor(
    { type, logic, options }: { type: string; logic: L; options: EntityRegistryOptions },
    deps: RegistryDeps,
  ) {
    this.#type = type;
    this.#logic = logic;
    this.#deps = deps;
    this.#input = options.input ?? ((id) => ({ id }));
  }

  ref(id: string): ActorRefFrom<L> {
    return this.#entry(id).ref as ActorRefFrom<L>;
  }

  async ask(
    id: string,
    command: EventFromLogic<L>,
    options?: AskOptions,
  ): Promise<AskResult<SnapshotFrom<L>>> {
    const stopping = this.#entries.get(id)?.stopping;
    if (stopping !== undefined) await stopping;
    const result = this.#deps.ask(this.#entry(id).ref, command, options);
    return result as Promise<AskResult<SnapshotFrom<L>>>;
  }

  send(id: string, command: EventFromLogic<L>): void {
    const stopping = this.#entries.get(id)?.stopping;
    if (stopping === undefined) this.#entry(id).ref.send(command);
    else this.#sendAfter(stopping, id, command).catch((err) => this.#logLost(id, err));
  }

  async stop(id: string): Promise<void> {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    entry.stopping ??= this.#deps.stop(entry.ref);
    await entry.stopping;
    this.#forget(id, entry);
  }

  ids(): readonly string[] {
    return [...this.#entries.keys()];
  }

  async #sendAfter(stopping: Promise<void>, id: string, command: EventFromLogic<L>): Promise<void> {
    await stopping;
    this.#entry(id).ref.send(command);
  }

  #logLost(id: string, err: unknown): void {
    this.#deps.log.warn({ type: this.#type, id, err }, 'a command came too late');
  }

  #entry(id: string): Entry {
    const existing = this.#entries.get(id);
    if (existing !== undefined) return existing;
    if (this.#deps.closing.aborted) throw new ClosedError('the persistence is shut down');
    const ref = createActor(this.#logic, { id, input: this.#input(id) } as never) as AnyActorRef;
    const entry: Entry = { ref, stopping: undefined };
    this.#entries.set(id, entry);
    // An error that nobody observes would end the process.
    ref.subscribe({
      complete: () => this.#forget(id, entry),
      error: (err: unknown) => {
        this.#deps.log.error({ type: this.#type, id, err }, 'entity failed');
        this.#forget(id, entry);
      },
    });
    ref.start();
    const idleMs = this.#deps.passivateAfterMs(ref);
    if (idleMs > 0 && !this.#sweeping) this.#sweep(idleMs).catch(() => {}); // shut down
    return entry;
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
        // Nothing is under way in an idle one, so this ends it on the spot.
        for (const { ref } of this.#entries.values())
          if (this.#deps.isIdleFor(ref, idleMs)) ref.stop();
      }
    } finally {
      this.#sweeping = false;
    }
  }
}
