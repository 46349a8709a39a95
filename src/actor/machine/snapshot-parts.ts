import type { AnyActorRef, AnyMachineSnapshot, AnyStateMachine } from 'xstate';
import { workOf } from '../entity/invoked-work.ts';
import type { TimerTarget } from '../entity/timers.ts';

/** A state of a machine; xstate has one type for it and for the root. */
export type StateNode = AnyStateMachine['root'];

/**
 * The state with this id, within `root`; `undefined` = there is none. xstate's `getStateNodeById`
 * splits an id at its first dot, so it finds no state of a machine whose own id has a dot.
 */
export function stateNodeOf(root: StateNode, id: string): StateNode | undefined {
  if (root.id === id) return root;
  for (const child of Object.values(root.states)) {
    const found = stateNodeOf(child, id);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** State values: nested plain objects of texts. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  const [before, after] = [a as Record<string, unknown>, b as Record<string, unknown>];
  const keys = Object.keys(before);
  return (
    keys.length === Object.keys(after).length &&
    keys.every((key) => sameValue(before[key], after[key]))
  );
}

/** The same names with the identical values. */
export function sameEntries(a: object, b: object): boolean {
  const [before, after] = [a as Record<string, unknown>, b as Record<string, unknown>];
  const keys = Object.keys(before);
  return (
    keys.length === Object.keys(after).length && keys.every((key) => before[key] === after[key])
  );
}

/**
 * The child with this id. xstate keeps one that `spawnChild` made without an id under the name
 * `undefined`.
 */
export function childOf(state: AnyMachineSnapshot, id: string): AnyActorRef | undefined {
  const children = state.children as Record<string, AnyActorRef>;
  const named = children[id];
  if (named?.id === id) return named;
  return Object.values(children).find((child) => child.id === id);
}

/** The receiver of a delayed event; `undefined` = it is gone. Another child may have its id. */
export function receiverOf(
  state: AnyMachineSnapshot,
  target: TimerTarget,
  self: AnyActorRef,
): AnyActorRef | undefined {
  switch (target.type) {
    case 'self':
      return self;
    case 'child': {
      const child = childOf(state, target.id);
      if (child === undefined || target.madeBy === undefined) return child;
      return workOf(child)?.madeBy === target.madeBy ? child : undefined;
    }
    case 'parent':
      return self._parent;
    case 'other':
      return undefined;
  }
}

/**
 * The same data with `replace(actor)` in place of each actor in it, in objects, arrays, Maps and
 * Sets. Parts without actors keep their identity.
 */
export function withActors<T>(value: T, replace: (actor: AnyActorRef) => AnyActorRef): T {
  return replaceIn(value, replace, new Map()) as T;
}

type Replace = (actor: AnyActorRef) => AnyActorRef;

/** `seen` = what became of each container; a container within itself keeps its first form. */
function replaceIn(value: unknown, replace: Replace, seen: Map<object, unknown>): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (isActorRef(value)) return replace(value);
  if (!isTraversed(value)) return value;
  if (seen.has(value)) return seen.get(value);
  seen.set(value, value);
  let changed = false;
  const copy = copyWith(value, (member) => {
    const next = replaceIn(member, replace, seen);
    if (next !== member) changed = true;
    return next;
  });
  const replaced = changed ? copy : value;
  seen.set(value, replaced);
  return replaced;
}

function copyWith(value: object, next: (member: unknown) => unknown): object {
  if (Array.isArray(value)) return value.map(next);
  if (value instanceof Map)
    return new Map([...value].map(([key, item]) => [next(key), next(item)]));
  if (value instanceof Set) return new Set([...value].map(next));
  const copy: Record<string, unknown> = { ...value };
  for (const name of Object.keys(copy)) copy[name] = next(copy[name]);
  return copy;
}

/**
 * The path of an actor in `value` that a recovery would not find: one in an instance of a class.
 * What `before` held at the same place was looked at when it was put there.
 */
export function hiddenActor(value: unknown, before: unknown, path: string): string | undefined {
  if (value === before || typeof value !== 'object' || value === null || isActorRef(value)) {
    return undefined;
  }
  if (!isTraversed(value)) return actorWithin(value, path);
  const earlier = (typeof before === 'object' && before !== null ? before : {}) as Members;
  const members = membersOf(value);
  for (const name of Object.keys(members)) {
    const member = members[name];
    // Of most members nothing is new: neither a call nor a path for them.
    if (member === earlier[name] || typeof member !== 'object') continue;
    const found = hiddenActor(member, earlier[name], `${path}.${name}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

function membersOf(value: object): Members {
  const members = value instanceof Map ? [...value].flat() : value;
  return (members instanceof Set ? [...members] : members) as Members;
}

type Members = Readonly<Record<string, unknown>>;

/** Levels of an instance that are looked into. */
const deepestInstance = 4;

function actorWithin(instance: object, path: string, levels = deepestInstance): string | undefined {
  if (levels === 0) return undefined;
  for (const [name, member] of Object.entries(instance)) {
    if (typeof member !== 'object' || member === null) continue;
    const at = `${path}.${name}`;
    const found = isActorRef(member) ? at : actorWithin(member, at, levels - 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** xstate has no class to ask for, so this goes by members. */
export function isActorRef(value: object): value is AnyActorRef {
  return 'sessionId' in value && 'send' in value && 'getSnapshot' in value;
}

/** A container that keeps its meaning when it is copied. */
function isTraversed(value: object): boolean {
  if (Array.isArray(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Map.prototype || prototype === Set.prototype) return true;
  return prototype === Object.prototype || prototype === null;
}
