import type { AnyActorRef } from 'xstate';

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

export function sameEntries(a: object, b: object): boolean {
  const [before, after] = [a as Record<string, unknown>, b as Record<string, unknown>];
  const keys = Object.keys(before);
  return (
    keys.length === Object.keys(after).length && keys.every((key) => before[key] === after[key])
  );
}

interface Replacements {
  /** Actor of the replay → its living counterpart. */
  readonly real: ReadonlyMap<unknown, AnyActorRef>;
  /** Parent of all actors that the replay made. */
  readonly shadow: AnyActorRef;
}

/**
 * The same data with living actors in place of those of the replay; one that was stopped in the
 * course of it becomes `undefined`, as xstate does on restore. Untouched parts keep their identity.
 */
export function withActors<T>(value: T, replacements: Replacements): T {
  return replaceIn(value, replacements, new Set()) as T;
}

function replaceIn(value: unknown, replacements: Replacements, seen: Set<unknown>): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (isActorRef(value)) return replacementOf(value, replacements);
  if (!isPlain(value) || seen.has(value)) return value;
  seen.add(value);
  return replaceFields(value as Record<string, unknown>, replacements, seen);
}

function replaceFields(
  fields: Record<string, unknown>,
  replacements: Replacements,
  seen: Set<unknown>,
): unknown {
  let copy: Record<string, unknown> | undefined;
  for (const key of Object.keys(fields)) {
    const replaced = replaceIn(fields[key], replacements, seen);
    if (replaced === fields[key]) continue;
    copy ??= (Array.isArray(fields) ? fields.slice() : { ...fields }) as Record<string, unknown>;
    copy[key] = replaced;
  }
  return copy ?? fields;
}

function replacementOf(actor: AnyActorRef, { real, shadow }: Replacements): unknown {
  return real.get(actor) ?? (actor._parent === shadow ? undefined : actor);
}

function isActorRef(value: object): value is AnyActorRef {
  return 'sessionId' in value && 'send' in value && 'getSnapshot' in value;
}

function isPlain(value: object): boolean {
  if (Array.isArray(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
