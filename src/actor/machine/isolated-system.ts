import type { AnyActorRef, AnyActorScope, AnyMachineSnapshot } from 'xstate';
import type { ChildNames, InspectionEvent } from './child-names.ts';

/** The actor system of a shadow: what xstate's core calls on one while it evaluates. */
export class IsolatedSystem {
  #keyed: Map<string, AnyActorRef> | undefined;
  #freed: Set<string> | undefined;
  readonly _logger = ignore;
  readonly _clock = inertClock;
  readonly scheduler = inertScheduler;
  readonly #real: AnyActorScope['system'];
  handled = false;
  booked = 0;
  watched: AnyActorRef | undefined;
  names: ChildNames | undefined;
  readonly #seesNames: boolean;

  constructor(real: AnyActorScope, seesNames: boolean) {
    this.#real = real.system;
    this.#seesNames = seesNames;
  }

  namesTaken(): NamesTaken | undefined {
    if (this.#keyed === undefined && this.#freed === undefined) return undefined;
    return { keyed: [...(this.#keyed ?? [])], freed: [...(this.#freed ?? [])] };
  }

  /** Back to the names that `but` holds. */
  forgetNames(but?: NamesTaken): void {
    this.#keyed = but && new Map(but.keyed);
    this.#freed = but && new Set(but.freed);
  }

  _bookId(): string {
    return `shadow:${this.booked++}`;
  }

  _sendInspectionEvent(event: InspectionEvent): void {
    if (event.type === '@xstate.actor') this.names?.name(event.actorRef as AnyActorRef);
    if (event.type !== '@xstate.microstep' || event.actorRef !== this.watched) return;
    if (event._transitions !== undefined && event._transitions.length > 0) this.handled = true;
  }

  _set(systemId: string, actor: AnyActorRef): void {
    // In a replay the last actor has the name: that it was free was seen when the event was stored.
    const existing = this.#seesNames ? this.get(systemId) : undefined;
    if (existing !== undefined && existing !== actor) {
      throw new Error(`Actor with system ID '${systemId}' already exists.`);
    }
    this.#keyed ??= new Map();
    this.#keyed.set(systemId, actor);
  }

  _unregister(actor: AnyActorRef): void {
    for (const [id, keyed] of this.#keyed ?? []) if (keyed === actor) this.#keyed?.delete(id);
    const { systemId } = actor as { readonly systemId?: string };
    if (systemId === undefined || this.#real.get(systemId) !== actor) return;
    this.#freed ??= new Set();
    this.#freed.add(systemId);
  }

  /** An actor has ended: its names, and those of its own children, are free again. */
  release(actor: AnyActorRef): void {
    const { children = {} } = actor.getSnapshot() as Partial<AnyMachineSnapshot>;
    for (const child of Object.values(children) as AnyActorRef[]) this.release(child);
    this._unregister(actor);
  }

  _register(sessionId: string): string {
    return sessionId;
  }

  get(systemId: string): AnyActorRef | undefined {
    const own = this.#keyed?.get(systemId);
    return own ?? (this.#freed?.has(systemId) === true ? undefined : this.#real.get(systemId));
  }

  getAll(): Record<string, AnyActorRef> {
    const real = Object.entries(this.#real.getAll()).filter(([id]) => !this.#freed?.has(id));
    return Object.fromEntries([...real, ...(this.#keyed ?? [])]);
  }

  inspect(): { unsubscribe: () => void } {
    return { unsubscribe: ignore };
  }

  _relay(): void {}

  start(): void {}
}

/** Names that an evaluation has taken, and names of the real system that it has given back. */
export interface NamesTaken {
  readonly keyed: readonly (readonly [string, AnyActorRef])[];
  readonly freed: readonly string[];
}

const inertClock = { setTimeout: ignore, clearTimeout: ignore };
const inertScheduler = { schedule: ignore, cancel: ignore, cancelAll: ignore };

/** What an evaluation calls and must not happen. */
export function ignore(): void {}

/**
 * The real actor, with another system. It is a proxy: an object that had the actor as its prototype
 * would give each actor a shape of its own, and all code that handles actors would get slower.
 */
export class ShadowSelf implements ProxyHandler<AnyActorRef> {
  readonly #system: IsolatedSystem;

  constructor(system: IsolatedSystem) {
    this.#system = system;
  }

  get(actor: AnyActorRef, name: string | symbol): unknown {
    if (name === 'system') return this.#system;
    // What we have attached to the actor: a dry run that asks its own actor must not reach it.
    if (typeof name === 'symbol' && Object.hasOwn(actor, name)) return undefined;
    return Reflect.get(actor, name);
  }

  set(): boolean {
    return false;
  }
}
