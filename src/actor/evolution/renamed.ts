import type { EventObject } from 'xstate';
import { InvalidInputError } from '../../model/errors.ts';
import { childAddress, isReservedType } from './reserved-types.ts';

/**
 * Names that changed since events were stored: old name to new one. They count where a journal is
 * read, before anything else looks at the event; the journal itself keeps the old names.
 */
export interface Renamed {
  /** Types of the program's own events. */
  readonly events?: Names | undefined;
  /** Ids of invoked and spawned actors. */
  readonly actors?: Names | undefined;
  /**
   * Ids of states: the machine's id and the path within it, as `order.waiting`. What is within a
   * state goes with it; the machine's id alone stands for all of them.
   */
  readonly states?: Names | undefined;
  /**
   * Keys of `after`, names or milliseconds, such as `{ '1000': 'reminder' }`. With the new id of a
   * state at its end, as `1000.order.waiting`, only those of that state.
   */
  readonly delays?: Names | undefined;
  /** Ids of delayed `raise` and `sendTo` actions. */
  readonly timers?: Names | undefined;
}

type Names = Readonly<Record<string, string>>;

const afterPrefix = 'xstate.after.';
/** What xstate calls the ends and the changes of children; the id of the child follows. */
const childPrefixes = ['xstate.done.actor.', 'xstate.error.actor.', 'xstate.snapshot.'];

const groups = ['events', 'actors', 'states', 'delays', 'timers'];

/** @throws {InvalidInputError} a group does not exist, or has something else than names */
export function checkRenamed(renamed: unknown): asserts renamed is Renamed {
  for (const [group, names] of Object.entries(Object(renamed))) {
    if (names === undefined) continue;
    const isNames = typeof names === 'object' && names !== null;
    const isText = (name: unknown): boolean => typeof name === 'string' && name !== '';
    if (groups.includes(group) && isNames && Object.values(names).every(isText)) continue;
    const what = `the option "renamed" maps old names to new ones, for ${groups.join(', ')}`;
    throw new InvalidInputError(
      groups.includes(group)
        ? `${what}; what it has for "${group}" is something else`
        : `${what}; there is no "${group}"`,
    );
  }
}

/** Gives stored events the names of today. */
export class Renaming {
  readonly #events: ReadonlyMap<string, string>;
  readonly #actors: ReadonlyMap<string, string>;
  readonly #delays: ReadonlyMap<string, string>;
  readonly #timers: ReadonlyMap<string, string>;
  readonly #states: readonly (readonly [from: string, to: string])[];
  #ofProgram: Renaming | undefined;

  constructor({ events, actors, states, delays, timers }: Renamed) {
    this.#events = mapOf(events);
    this.#actors = mapOf(actors);
    this.#delays = mapOf(delays);
    this.#timers = mapOf(timers);
    this.#states = [...mapOf(states)].sort(([a], [b]) => b.length - a.length);
  }

  /**
   * Without the names that a machine gives: an entity that keeps to an earlier machine keeps them.
   * The program's own events have the names of today in each machine, as they have the form of
   * today.
   */
  get ofProgram(): Renaming {
    this.#ofProgram ??= new Renaming({ events: Object.fromEntries(this.#events) });
    return this.#ofProgram;
  }

  /** The type of an event of the program's own, or one that xstate made. */
  typeOf(type: string): string {
    if (!type.startsWith('xstate.')) return this.#events.get(type) ?? type;
    if (type.startsWith(afterPrefix))
      return afterPrefix + this.#after(type.slice(afterPrefix.length));
    for (const prefix of childPrefixes) {
      if (type.startsWith(prefix)) return prefix + this.actorOf(type.slice(prefix.length));
    }
    return type;
  }

  /** The event with its new type; the end of a child names that as well. */
  eventOf(event: EventObject): EventObject {
    const type = this.typeOf(event.type);
    const { actorId } = event as { readonly actorId?: unknown };
    const isChild = isReservedType(event.type) && typeof actorId === 'string';
    if (type === event.type && !isChild) return event;
    return { ...event, type, ...(isChild && { actorId: this.actorOf(actorId) }) };
  }

  /** The id of an invoked or spawned actor: one that was given, or that xstate made of a state. */
  actorOf(id: string): string {
    const given = this.#actors.get(id);
    if (given !== undefined) return given;
    const automatic = /^(\d+)\.(.+)$/.exec(id);
    return automatic === null ? id : `${automatic[1]}.${this.stateOf(automatic[2] ?? '')}`;
  }

  /** The name of a destination of deliveries. That of a child has the child's id in it. */
  destinationOf(to: string): string {
    if (!to.startsWith(childAddress)) return to;
    return childAddress + this.actorOf(to.slice(childAddress.length));
  }

  /** The name of a child's logic. Where it is given inline, xstate makes one of the state's id. */
  sourceOf(src: string): string {
    const [, start, state] = /^(xstate\.invoke\.\d+\.)(.*)$/.exec(src) ?? [];
    return start === undefined || state === undefined ? src : start + this.stateOf(state);
  }

  /** The id of a timer: of a delayed action, or the type of a delayed transition. */
  timerOf(id: string): string {
    return this.#timers.get(id) ?? (id.startsWith(afterPrefix) ? this.typeOf(id) : id);
  }

  /** `<delay>.<state id>`; either may hold dots, so the states that are known decide. */
  #after(name: string): string {
    for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
      const [delay, state] = [name.slice(0, dot), name.slice(dot + 1)];
      const toState = this.stateOf(state);
      const toDelay = this.#delays.get(`${delay}.${toState}`) ?? this.#delays.get(delay) ?? delay;
      if (toState !== state || toDelay !== delay) return `${toDelay}.${toState}`;
    }
    return name;
  }

  /** The id of a state, or of the machine. */
  stateOf(id: string): string {
    for (const [from, to] of this.#states) {
      if (id === from) return to;
      if (id.startsWith(`${from}.`)) return to + id.slice(from.length);
    }
    return id;
  }
}

function mapOf(names: Names | undefined): ReadonlyMap<string, string> {
  return new Map(Object.entries(names ?? {}));
}
