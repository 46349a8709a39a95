import {
  emptyObject,
  type Layer,
  type ListValue,
  listOf,
  type MergeStack,
  type ObjectValue,
  split,
  stackOf,
  stackOfAll,
  type Value,
} from '../values.ts';
import { withField } from './derived-fields.ts';
import { ignoresFallbacks, layers } from './merge.ts';

/** A value with a place inside that a reference can stand at. */
export type Container = ObjectValue | ListValue | MergeStack;

/** The containers around a value, nearest first, up to the root. */
export interface Parents {
  readonly container: Container;
  /** Where in the container: a key, an index, or the number of layers above. */
  readonly key: string | number;
  readonly next: Parents | undefined;
}

/**
 * The tree that references are looked up in, and the place in it of the value that is being
 * resolved.
 */
export interface Source {
  readonly root: ObjectValue;
  /** `undefined` = nowhere, or in the root itself. */
  readonly parents: Parents | undefined;
}

/** The source of the root itself. */
export function sourceOf(root: ObjectValue): Source {
  return { root, parents: undefined };
}

/** The source of what `container` has at `key`. */
export function inside(
  { root, parents }: Source,
  container: Container,
  key: string | number,
): Source {
  if (parents === undefined && container !== root) return { root, parents };
  return { root, parents: { container, key, next: parents } };
}

/**
 * The source of a layer of the merge stack that `source` is the place of: a tree in which the stack
 * has only what is below the layer, so that a layer that refers to itself looks back instead of
 * running in a circle.
 */
export function below(source: Source, rest: Value | undefined): Source {
  if (source.parents === undefined) return source;
  let changed = rest && withMergedTop(rest);
  for (let level: Parents | undefined = source.parents; level !== undefined; level = level.next) {
    const { container, key } = level;
    if (container.kind === 'object') changed = withField(container, String(key), changed);
    else if (container.kind === 'merge') changed = stackWith(container, Number(key), changed);
    // Of a list that had this item alone nothing is left.
    else if (container.items.length !== 1 || changed !== undefined)
      changed = listWith(container, Number(key), changed);
  }
  return sourceOf(changed?.kind === 'object' ? changed : emptyObject(source.root.origin));
}

/** Objects that are on top of a stack now that the layer above them is away can be merged. */
function withMergedTop(stack: Value): Value {
  const objects: Value[] = [];
  let rest: Value | undefined = stack;
  while (rest !== undefined) {
    const { layer, rest: next }: Layer = split(rest);
    if (layer.kind !== 'object') break;
    objects.push(layer);
    rest = next;
  }
  const merged = objects.length < 2 ? undefined : layers(objects);
  if (merged === undefined) return stack;
  return rest === undefined ? merged : stackOf(merged, rest);
}

/**
 * Longer lists and stacks are copied only when somebody looks; a copy for each item is quadratic.
 */
const copiedAtOnce = 100;

/** No path leads into a list, so that few look. */
function listWith(list: ListValue, index: number, item: Value | undefined): ListValue {
  const copy = (): Value[] => list.items.toSpliced(index, 1, ...(item === undefined ? [] : [item]));
  if (list.items.length <= copiedAtOnce) return listOf(copy(), list.origin);
  let items: readonly Value[] | undefined;
  return {
    ...list,
    get items() {
      items ??= copy();
      return items;
    },
  };
}

/** Only a path through the stack needs it. */
function stackWith(merge: MergeStack, index: number, layer: Value | undefined): Value {
  if (layer === undefined) return stackOfAll(merge.stack.toSpliced(index, 1)) ?? merge;
  let changed: Value | undefined;
  const built = (): MergeStack => {
    changed ??= stackOfAll(merge.stack.with(index, layer)) ?? merge;
    return changed.kind === 'merge' ? changed : merge;
  };
  return {
    kind: 'merge',
    ignoresFallbacks: merge.ignoresFallbacks,
    depth: merge.depth,
    size: merge.size,
    origin: merge.origin,
    get top() {
      return built().top;
    },
    get rest() {
      return built().rest;
    },
    get stack() {
      return built().stack;
    },
  };
}

/** A value and where it is. */
export interface Found {
  readonly value: Value;
  readonly source: Source;
}

/** The field `key` of a value that was found; `undefined` when there is none to be seen. */
export function fieldOf({ value, source }: Found, key: string): Found | undefined {
  if (value.kind === 'merge') return fieldOfStack(value, source, key);
  if (value.kind !== 'object') return undefined;
  const field = value.fields.get(key);
  return field && { value: field, source: inside(source, value, key) };
}

/**
 * The field of an object that is laid over something else, while the object still holds references.
 * Like the reference implementation we see it only if nothing below can be merged into it.
 */
function fieldOfStack(merge: MergeStack, source: Source, key: string): Found | undefined {
  for (const [index, layer] of merge.stack.entries()) {
    if (layer.kind !== 'object') return undefined;
    const field = layer.fields.get(key);
    if (field !== undefined && ignoresFallbacks(field))
      return { value: field, source: inside(inside(source, merge, index), layer, key) };
  }
  return undefined;
}
