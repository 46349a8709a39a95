import type {
  AnyActorLogic,
  AnyActorRef,
  AnyMachineSnapshot,
  AnyStateMachine,
  EventObject,
} from 'xstate';
import { StateMachine } from 'xstate';
import { workOf } from '../entity/invoked-work.ts';
import type { Stand } from '../entity/lossless-form.ts';
import { refusal, toLossless } from '../entity/lossless-form.ts';
import { errorToStored, RemoteError, toStored } from '../entity/stored-event.ts';
import { scheduledBy } from './scheduled.ts';
import { isActorRef } from './snapshot-parts.ts';

/** The state of a machine as an entity's snapshot keeps it, with its children all the way down. */
export interface StoredMachine {
  readonly status: string;
  readonly value: unknown;
  /** In lossless form, as everything below whose type is `unknown`. */
  readonly context: unknown;
  /** Ids of the state nodes that history states remember. */
  readonly history?: Readonly<Record<string, readonly string[]>>;
  readonly output?: unknown;
  readonly error?: unknown;
  readonly children: Readonly<Record<string, StoredChild>>;
  /** Of the entity itself: actors that only its context holds. They have ended, or were stopped. */
  readonly gone?: readonly StoredChild[];
  /** Of a child: its own delayed events. Those of the entity are kept beside its state. */
  readonly delayed?: readonly StoredDelay[];
}

/** One child. Without `machine`, `state` and `end` it begins from its input again. */
export interface StoredChild {
  readonly id: string;
  readonly src: string;
  readonly systemId?: string;
  readonly syncSnapshot?: boolean;
  readonly input?: unknown;
  /** Of a machine that runs. */
  readonly machine?: StoredMachine;
  /** Of another logic that runs: what that logic persists. */
  readonly state?: unknown;
  /** The event that says its end, as the journal has it: it is not started again. */
  readonly end?: EventObject;
  /**
   * Of a child of the entity itself, as `InvokedWork.toPlain` has it; absent in snapshots of
   * earlier versions.
   */
  readonly work?: unknown;
}

/** A delayed event of a child. */
export interface StoredDelay {
  readonly id: string;
  readonly event: unknown;
  readonly target: unknown;
  readonly delayMs: number;
  /** ms since the epoch. */
  readonly fromMs: number;
}

/** Stands for an actor: one within the entity by the keys that lead to it, or one outside. */
export type ActorStand =
  | { readonly path: readonly string[] }
  | { readonly gone: number }
  | { readonly parent: true }
  | { readonly systemId: string };

/** What the members of an actor say that xstate keeps to itself. */
export interface ActorInside {
  readonly logic: AnyActorLogic;
  readonly options: {
    readonly src?: unknown;
    readonly systemId?: string;
    readonly syncSnapshot?: boolean;
    readonly input?: unknown;
  };
}

/** What `persistMachine` has to know beside the state. */
export interface PersistDeps {
  readonly self: AnyActorRef;
  /** The journal says that this child has ended. */
  readonly isEnded: (child: AnyActorRef) => boolean;
  /** How much later the children scheduled than their entity's time says, until an event does. */
  readonly stillMs: number;
}

/**
 * The state of the machine of an entity, as of this moment.
 *
 * @throws {WriteRejectedError} something in it cannot be kept; names the place
 */
export function persistMachine(state: AnyMachineSnapshot, deps: PersistDeps): StoredMachine {
  return new Persister(state, deps).entity();
}

class Persister {
  readonly #state: AnyMachineSnapshot;
  readonly #self: AnyActorRef;
  readonly #isEnded: (child: AnyActorRef) => boolean;
  readonly #stillMs: number;
  readonly #gone: AnyActorRef[] = [];

  constructor(state: AnyMachineSnapshot, { self, isEnded, stillMs }: PersistDeps) {
    this.#state = state;
    this.#self = self;
    this.#isEnded = isEnded;
    this.#stillMs = stillMs;
  }

  entity(): StoredMachine {
    const stored = this.#machine(this.#state, 'state', this.#inEntity);
    const gone = this.#gone.map((actor) => {
      const made = this.#made(actor, `the actor "${actor.id}" of the context`);
      return this.#isEnded(actor) ? { ...made, end: endOf(actor) } : made;
    });
    return gone.length === 0 ? stored : { ...stored, gone };
  }

  #machine(snapshot: AnyMachineSnapshot, path: string, stand: Stand): StoredMachine {
    const { status, value, context, output, error } = snapshot;
    const history = Object.entries(snapshot.historyValue as History).map(
      ([id, nodes]) => [id, nodes.map((node) => node.id)] as const,
    );
    const children = Object.entries(snapshot.children as Record<string, AnyActorRef>).map(
      ([key, child]) => [key, this.#child(child, `${path}.children.${key}`)] as const,
    );
    return {
      status,
      value,
      context: toLossless(context, `${path}.context`, stand),
      ...(history.length > 0 && { history: Object.fromEntries(history) }),
      ...(output !== undefined && { output: toLossless(output, `${path}.output`, stand) }),
      ...(error !== undefined && { error: errorForm(error, `${path}.error`) }),
      children: Object.fromEntries(children),
    };
  }

  /** A child, or a child of one. What the entity has not heard of a child is not in the journal. */
  #child(child: AnyActorRef, path: string): StoredChild {
    const made = this.#made(child, path);
    const isOwn = child._parent === this.#self;
    if (isOwn && this.#isEnded(child)) return { ...made, end: endOf(child) };
    const { logic } = child as unknown as ActorInside;
    const snapshot = child.getSnapshot() as AnyMachineSnapshot;
    // It has ended, and the entity will hear so: after a crash it has to end again.
    if (isOwn && snapshot.status !== 'active') return made;
    if (!(logic instanceof StateMachine)) {
      const state = logic.getPersistedSnapshot(snapshot);
      return { ...made, state: toLossless(state, path, this.#aroundChild) };
    }
    const delayed = scheduledBy(child).map(({ id, event, target, delayMs, fromMs }) => {
      const [what, to] = [event, target].map((part) =>
        toLossless(part, `${path}.delayed`, this.#inChild),
      );
      return { id, event: what, target: to, delayMs, fromMs: fromMs - this.#stillMs };
    });
    const machine = this.#machine(snapshot, path, this.#inChild);
    return { ...made, machine: delayed.length === 0 ? machine : { ...machine, delayed } };
  }

  #made(child: AnyActorRef, path: string): StoredChild {
    const { options } = child as unknown as ActorInside;
    const { src, systemId, syncSnapshot, input } = options;
    const work = workOf(child);
    if (typeof src !== 'string') {
      throw refusal('a child whose logic has no name in the setup of its machine', path);
    }
    return {
      id: child.id,
      src,
      ...(systemId !== undefined && { systemId }),
      ...(syncSnapshot !== undefined && { syncSnapshot }),
      ...(input !== undefined && { input: toLossless(input, `${path}.input`, this.#aroundChild) }),
      ...(work !== undefined && { work: work.toPlain() }),
    };
  }

  /** What the context of the entity may hold: also children that are none any more. */
  readonly #inEntity: Stand = (value, path) => {
    if (!isActorRef(value)) return undefined;
    const known = this.#knownStand(value);
    if (known !== undefined) {
      // A recovery makes children again, but not theirs.
      if ('path' in known && known.path.length > 1) throw refusal('a child of a child', path);
      return known;
    }
    if (value._parent !== this.#self) throw strange(path);
    const index = this.#gone.indexOf(value);
    return { gone: index < 0 ? this.#gone.push(value) - 1 : index } satisfies ActorStand;
  };

  readonly #inChild: Stand = (value, path) => {
    if (!isActorRef(value)) return undefined;
    const known = this.#knownStand(value);
    if (known === undefined) throw strange(path);
    return known;
  };

  /** What has to be there before the child is made. */
  readonly #aroundChild: Stand = (value, path) => {
    if (!isActorRef(value)) return undefined;
    const known = this.#knownStand(value);
    if (known === undefined || ('path' in known && known.path.length > 0)) throw strange(path);
    return known;
  };

  #knownStand(actor: AnyActorRef): ActorStand | undefined {
    const path = this.#pathOf(actor);
    if (path !== undefined) return { path };
    if (actor === this.#self._parent) return { parent: true };
    const { systemId } = actor as { readonly systemId?: string };
    const isNamed = systemId !== undefined && this.#self.system.get(systemId) === actor;
    return isNamed && actor._parent !== this.#self ? { systemId } : undefined;
  }

  #pathOf(actor: AnyActorRef): readonly string[] | undefined {
    const path: string[] = [];
    for (let at = actor; at !== this.#self; ) {
      const parent: AnyActorRef | undefined = at._parent;
      if (parent === undefined) return undefined;
      const snapshot = parent === this.#self ? this.#state : parent.getSnapshot();
      const children = (snapshot as Partial<AnyMachineSnapshot>).children ?? {};
      const key = Object.keys(children).find((name) => children[name] === at);
      if (key === undefined) return undefined;
      path.unshift(key);
      at = parent;
    }
    return path;
  }
}

type History = Readonly<Record<string, AnyStateMachine['root'][]>>;

function strange(path: string) {
  return refusal('an actor that is neither its own, nor its parent, nor one with a systemId', path);
}

/** The end of a child as its event in the journal has it. */
function endOf(child: AnyActorRef): EventObject {
  const { status, output, error } = child.getSnapshot() as AnyMachineSnapshot;
  const kind = status === 'error' ? 'error' : 'done';
  const end = { type: `xstate.${kind}.actor.${child.id}`, actorId: child.id, output, error };
  return toStored(end, persistedForm(child));
}

/** What a child's logic would persist of it, without its own children. */
export function persistedForm(child: AnyActorRef): Readonly<Record<string, unknown>> {
  const { logic } = child as unknown as ActorInside;
  const inline = { __unsafeAllowInlineActors: true };
  return logic.getPersistedSnapshot(child.getSnapshot(), inline) as never;
}

function errorForm(error: unknown, path: string): unknown {
  if (!(error instanceof Error)) return toLossless(error, path);
  return toLossless(new RemoteError(errorToStored(error)), path);
}
