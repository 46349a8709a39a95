import type { AnyActorRef, AnyActorScope } from 'xstate';
import { Attached } from '../../runtime/attached.ts';
import { InvokedWork, setWork } from '../entity/invoked-work.ts';
import { stepName } from '../entity/timers.ts';

const noIds: readonly string[] = [];

/**
 * Notes which event made which child, and gives ids to those that the machine spawns without one.
 * xstate gives such a child the id of its session, which is another one in every process: the
 * stored result of the child would then belong to nobody after a restart. So the id comes from the
 * number of the event that spawned the child (`#7.0`), the same live and in each replay.
 */
export class ChildNames {
  readonly #parent: AnyActorRef;
  #live: Set<AnyActorRef> | undefined;
  #seqNr = 0;
  #part = 0;
  #spawned = 0;
  /** Ids of the children that the step has made. */
  #ids = noIds;
  /** Size of the set at which children that have ended are removed from it. */
  #lookAt = 16;

  constructor(parent: AnyActorRef) {
    this.#parent = parent;
  }

  /** The event with this number is about to be applied, or its `part`; 0 = the initial state. */
  beginStep(seqNr: number, part = 0): void {
    this.#seqNr = seqNr;
    this.#part = part;
    this.#spawned = 0;
    this.#ids = noIds;
  }

  /** `InvokedWork.madeBy` of the next child with this id. */
  madeBy(id: string): string {
    const step = stepName(this.#seqNr, this.#part).slice(1);
    const count = this.#ids.filter((other) => other === id).length;
    return count === 0 ? step : `${step}/${count}`;
  }

  /** Called for each new actor, before anybody can have read its id. */
  name(actor: AnyActorRef): void {
    if (actor._parent !== this.#parent) return;
    if (actor.id === actor.sessionId) {
      const named = actor as unknown as { id: string; readonly _actorScope: { id: string } };
      named.id = `${stepName(this.#seqNr, this.#part)}.${this.#spawned++}`;
      named._actorScope.id = named.id;
    }
    setWork(actor, new InvokedWork(this.madeBy(actor.id)));
    this.#ids = [...this.#ids, actor.id];
  }

  /** Remembers a live child. */
  made(child: AnyActorRef): void {
    if (child._parent !== this.#parent) return;
    this.#live ??= new Set();
    const live = this.#live;
    live.add(child);
    if (live.size < this.#lookAt) return;
    for (const other of live) {
      // The one that is being made has no state yet.
      if ((other.getSnapshot()?.status ?? 'active') !== 'active') live.delete(other);
    }
    this.#lookAt = Math.max(16, live.size * 2);
  }

  /**
   * Gives the live children up, for their owner to stop. The state does not show all of them: of
   * two children with one id, or of two that `spawnChild` made without one, it keeps the second.
   */
  takeLive(): readonly AnyActorRef[] {
    const children = [...(this.#live ?? [])];
    this.#live = undefined;
    return children;
  }
}

/** What xstate announces to inspectors, as far as we look at it. */
export interface InspectionEvent {
  readonly type: string;
  readonly actorRef?: unknown;
  readonly _transitions?: unknown[];
}

interface WatchedSystem {
  _sendInspectionEvent: (event: InspectionEvent) => void;
}

const namesOf = new Attached<ChildNames>('persistence names');
const watchedSystems = new Attached<true>('persistence names children');

/**
 * Names the children of a live actor. Actors are announced to inspectors before their logic runs,
 * so the announcement is where they get their names.
 */
export function nameChildrenOf({ self, system }: AnyActorScope): ChildNames {
  const names = new ChildNames(self);
  namesOf.set(self, names);
  if (watchedSystems.get(system) === true) return names;
  watchedSystems.set(system, true);
  const watched = system as unknown as WatchedSystem;
  const announce = watched._sendInspectionEvent;
  watched._sendInspectionEvent = (event) => {
    if (event.type === '@xstate.actor') {
      const actor = event.actorRef as AnyActorRef;
      const parent = actor._parent;
      const names = parent && namesOf.get(parent);
      names?.name(actor);
      names?.made(actor);
    }
    announce.call(watched, event);
  };
  return names;
}
