import { stackOf } from './merge.ts';
import {
  emptyObject,
  type ListValue,
  listOf,
  type MergeStack,
  type ObjectValue,
  objectOf,
  type Value,
} from './values.ts';

export type Container = ObjectValue | ListValue | MergeStack;

/** The containers around a value, nearest first, up to the root. */
export interface Parents {
  readonly container: Container;
  readonly next: Parents | undefined;
}

/** The tree that references are looked up in, and where in it the value being resolved lies. */
export interface Source {
  readonly root: ObjectValue;
  readonly parents: Parents | undefined;
}

export function sourceOf(root: ObjectValue): Source {
  return { root, parents: undefined };
}

/** The source of what lies inside `container`. */
export function inside(source: Source, container: Container): Source {
  if (source.parents === undefined && container !== source.root) return source;
  return { root: source.root, parents: { container, next: source.parents } };
}

/**
 * The source of layer `index` of a merge stack: a tree in which the stack has only the layers
 * below it, so that a layer that refers to itself looks back instead of running in a circle.
 */
export function below(source: Source, merge: MergeStack, index: number): Source {
  if (source.parents === undefined) return source;
  const rest = merge.stack.slice(index + 1);
  return sourceOf(
    replaceUpwards(source.parents, merge, rest.length === 0 ? undefined : stackOf(rest)),
  );
}

function replaceUpwards(parents: Parents, old: Value, replacement: Value | undefined): ObjectValue {
  let child = old;
  let changed = replacement;
  for (let level: Parents | undefined = parents; level !== undefined; level = level.next) {
    changed = replaceChild(level.container, child, changed);
    child = level.container;
  }
  return changed?.kind === 'object' ? changed : emptyObject(child.origin);
}

function replaceChild(
  container: Container,
  old: Value,
  replacement: Value | undefined,
): Value | undefined {
  if (container.kind === 'object') return replaceField(container, old, replacement);
  const from = container.kind === 'list' ? container.items : container.stack;
  const children = from.flatMap((child) =>
    child !== old ? [child] : replacement === undefined ? [] : [replacement],
  );
  if (container.kind === 'list') return listOf(children, container.origin);
  return children.length === 0 ? undefined : { ...container, stack: children };
}

function replaceField(
  object: ObjectValue,
  old: Value,
  replacement: Value | undefined,
): ObjectValue {
  const fields = new Map(object.fields);
  for (const [key, value] of object.fields) {
    if (value !== old) continue;
    if (replacement === undefined) fields.delete(key);
    else fields.set(key, replacement);
  }
  return objectOf(fields, object.origin, object.ignoresFallbacks);
}
