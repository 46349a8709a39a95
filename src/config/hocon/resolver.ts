import { concatenate, withFallback } from './merge.ts';
import { hoconError, renderPath } from './origin.ts';
import { below, inside, type Parents, type Source, sourceOf } from './source.ts';
import {
  type Concatenation,
  isResolved,
  isUnresolvable,
  type ListValue,
  listOf,
  type MergeStack,
  type ObjectValue,
  objectOf,
  type Reference,
  textScalar,
  type Value,
} from './values.ts';

export interface ResolveOptions {
  /** Where `${NAME}` is looked up last. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
}

/** References that lead to references, and `+=` that follow `+=`: each takes stack of ours. */
const maxDepth = 1_500;

/**
 * The tree with every reference replaced by what it refers to.
 *
 * A reference sees the whole tree, but one inside a value that is being overridden sees, on its own
 * path, only the layers below its own (`a = ${a}x` looks back). What refers to itself otherwise is
 * a cycle: an error, or nothing where the reference is optional.
 *
 * @throws {ConfigError} for a reference to nothing, a cycle, an impossible concatenation
 */
export function resolveConfig(root: ObjectValue, options: ResolveOptions = {}): ObjectValue {
  const resolved = new Resolver(options.env ?? {}).resolve(root, sourceOf(root), undefined);
  return resolved?.kind === 'object' ? resolved : root;
}

/** Keys that matter; the rest of an object stays as it is. `undefined` = everything. */
type Restriction = readonly string[] | undefined;

class CycleFound extends Error {}

class Resolver {
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #whole = new Map<Value, Value>();
  readonly #partial = new Map<Value, Map<string, Value>>();
  readonly #inProgress = new Set<Value>();
  #depth = 0;

  constructor(env: Readonly<Record<string, string | undefined>>) {
    this.#env = env;
  }

  /** `undefined` when nothing but optional references to nothing is left. */
  resolve(value: Value, source: Source, restriction: Restriction): Value | undefined {
    const known = this.#known(value, restriction);
    if (known !== undefined) return known;
    if (this.#inProgress.has(value)) throw new CycleFound();
    if (++this.#depth > maxDepth)
      throw hoconError(`references nest deeper than ${maxDepth}`, value.origin);
    try {
      const result = this.#resolveNew(value, source, restriction);
      this.#remember(value, restriction, result);
      return result;
    } finally {
      this.#depth--;
    }
  }

  #known(value: Value, restriction: Restriction): Value | undefined {
    if (isResolved(value)) return value;
    const whole = this.#whole.get(value);
    if (whole !== undefined || restriction === undefined) return whole;
    return this.#partial.get(value)?.get(renderPath(restriction));
  }

  #remember(value: Value, restriction: Restriction, result: Value | undefined): void {
    if (result === undefined) return;
    if (restriction === undefined || isResolved(result)) {
      this.#whole.set(value, result);
      return;
    }
    const results = this.#partial.get(value) ?? new Map<string, Value>();
    this.#partial.set(value, results.set(renderPath(restriction), result));
  }

  #resolveNew(value: Value, source: Source, restriction: Restriction): Value | undefined {
    switch (value.kind) {
      case 'scalar':
        return value;
      case 'list':
        return restriction === undefined ? this.#resolveList(value, source) : value;
      case 'object':
        return this.#resolveObject(value, source, restriction);
      case 'reference':
        return this.#resolveReference(value, source, restriction);
      case 'concatenation':
        return this.#resolveConcatenation(value, source);
      case 'merge':
        return this.#resolveMerge(value, source, restriction);
    }
  }

  #resolveList(list: ListValue, source: Source): Value {
    const items: Value[] = [];
    for (const item of list.items) {
      const resolved = this.resolve(item, inside(source, list), undefined);
      if (resolved !== undefined) items.push(resolved);
    }
    return listOf(items, list.origin);
  }

  #resolveObject(object: ObjectValue, source: Source, restriction: Restriction): Value {
    const within = inside(source, object);
    if (restriction !== undefined) return this.#resolveAlong(object, within, restriction);
    const fields = new Map(object.fields);
    // By name, so that the outcome of odd cross-references does not depend on the layout.
    for (const key of [...fields.keys()].sort()) {
      const value = fields.get(key);
      setOrDelete(fields, key, value && this.resolve(value, within, undefined));
    }
    return objectOf(fields, object.origin, object.ignoresFallbacks);
  }

  /** Everything on the path but its end, which may be what is being resolved. */
  #resolveAlong(object: ObjectValue, within: Source, path: readonly string[]): Value {
    const [key = '', ...rest] = path;
    const value = object.fields.get(key);
    if (value === undefined || rest.length === 0) return object;
    const resolved = this.resolve(value, within, rest);
    if (resolved === value) return object;
    const fields = new Map(object.fields);
    setOrDelete(fields, key, resolved);
    return objectOf(fields, object.origin, object.ignoresFallbacks);
  }

  #resolveConcatenation({ pieces }: Concatenation, source: Source): Value | undefined {
    const resolved: Value[] = [];
    for (const piece of pieces) {
      const part = this.resolve(piece, source, undefined);
      if (part !== undefined) resolved.push(part);
    }
    return concatenate(resolved);
  }

  #resolveMerge(merge: MergeStack, source: Source, restriction: Restriction): Value | undefined {
    let merged: Value | undefined;
    for (const [index, layer] of merge.stack.entries()) {
      const resolved =
        this.#known(layer, restriction) ?? this.#resolveLayer(merge, index, [source, restriction]);
      if (resolved === undefined) continue;
      merged = merged === undefined ? resolved : laidOver(merged, resolved);
    }
    return merged;
  }

  #resolveLayer(
    merge: MergeStack,
    index: number,
    [source, restriction]: [Source, Restriction],
  ): Value | undefined {
    const layer = merge.stack[index];
    if (layer === undefined) return undefined;
    const from = isUnresolvable(layer) ? below(source, merge, index) : inside(source, merge);
    return this.resolve(layer, from, restriction);
  }

  #resolveReference(
    reference: Reference,
    source: Source,
    restriction: Restriction,
  ): Value | undefined {
    this.#inProgress.add(reference);
    try {
      const found = this.#lookUp(reference, source.root);
      const value = found && this.resolve(found.value, found.source, restriction);
      if (value === undefined && !reference.optional)
        throw unresolved(reference, 'refers to nothing');
      return value;
    } catch (error) {
      if (!(error instanceof CycleFound)) throw error;
      if (reference.optional) return undefined;
      throw unresolved(reference, 'is part of a cycle');
    } finally {
      this.#inProgress.delete(reference);
    }
  }

  #lookUp(reference: Reference, root: ObjectValue): Found | undefined {
    const { path, prefixLength } = reference;
    const found = reference.asList ? undefined : this.#find(root, path);
    if (found !== undefined) return found;
    const unprefixed = path.slice(prefixLength);
    const outside =
      prefixLength > 0 && !reference.asList ? this.#find(root, unprefixed) : undefined;
    return outside ?? this.#findInEnvironment(reference, unprefixed.join('.'));
  }

  #find(root: ObjectValue, path: readonly string[]): Found | undefined {
    const along = this.resolve(root, sourceOf(root), path);
    if (along?.kind !== 'object') return undefined;
    let value: Value | undefined = along;
    let parents: Parents | undefined;
    for (const key of path) {
      if (value?.kind !== 'object') return undefined;
      parents = { container: value, next: parents };
      value = value.fields.get(key);
    }
    return value && { value, source: { root: along, parents } };
  }

  #findInEnvironment(reference: Reference, name: string): Found | undefined {
    const origin = { file: 'environment', line: undefined };
    const text = (value: string): Value => textScalar(value, true, origin);
    const single = reference.asList ? undefined : this.#variable(name);
    const source = sourceOf(objectOf(new Map(), origin));
    if (single !== undefined) return { value: text(single), source };
    const items: Value[] = [];
    while (reference.asList) {
      const item = this.#variable(`${name}_${items.length}`);
      if (item === undefined) break;
      items.push(text(item));
    }
    return items.length === 0 ? undefined : { value: listOf(items, origin), source };
  }

  #variable(name: string): string | undefined {
    return Object.hasOwn(this.#env, name) ? this.#env[name] : undefined;
  }
}

function setOrDelete(fields: Map<string, Value>, key: string, value: Value | undefined): void {
  if (value === undefined) fields.delete(key);
  else fields.set(key, value);
}

/** The layer below is known now, so nothing has to be kept for later. */
function laidOver(merged: Value, lower: Value): Value {
  const hides = merged.kind === 'object' && lower.kind !== 'object' && !isUnresolvable(lower);
  return hides ? { ...merged, ignoresFallbacks: true } : withFallback(merged, lower);
}

interface Found {
  readonly value: Value;
  readonly source: Source;
}

function unresolved(reference: Reference, why: string): Error {
  const path = renderPath(reference.path);
  return hoconError(
    `\${${reference.optional ? '?' : ''}${path}} ${why}`,
    reference.origin,
    reference.path,
  );
}
