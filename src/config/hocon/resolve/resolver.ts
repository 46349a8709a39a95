import { ConfigError, type ConfigProblem } from '../../../model/errors.ts';
import { limits } from '../limits.ts';
import { hoconError, renderPath, withPath } from '../origin.ts';
import {
  type Concatenation,
  depthOf,
  isResolved,
  isUnresolvable,
  type Layer,
  type ListValue,
  listOf,
  type MergeStack,
  type ObjectValue,
  objectOf,
  type Reference,
  sizeOf,
  split,
  textScalar,
  type Value,
} from '../values.ts';
import { withField } from './derived-fields.ts';
import { jvmOrder } from './jvm-order.ts';
import { concatenate, layers } from './merge.ts';
import {
  below,
  type Found,
  fieldOf,
  inside,
  type Parents,
  type Source,
  sourceOf,
} from './source.ts';

type Texts = Readonly<Record<string, string | undefined>>;

/** Where references are looked up that the tree does not answer. */
export interface ResolveOptions {
  /** Where `${NAME}` is looked up when the tree does not have it. */
  readonly env?: Texts | undefined;
  /** Where it is looked up last: what the JVM has as system properties, by their whole names. */
  readonly properties?: Texts | undefined;
}

/**
 * The tree with every reference replaced by what it refers to.
 *
 * A reference sees the whole tree, but one inside a value that is being overridden sees, on its own
 * path, only the layers below its own (`a = ${a}x` looks back). What refers to itself otherwise is
 * a cycle: an error, or nothing where the reference is optional. A value is resolved once, in the
 * place that comes first, and is the same everywhere.
 *
 * @throws {ConfigError} with all references to nothing, cycles and impossible concatenations; with
 * one problem when the whole goes beyond {@link limits}
 */
export function resolveConfig(root: ObjectValue, options: ResolveOptions = {}): ObjectValue {
  const resolver = new Resolver(root, options);
  const resolved = resolver.resolve(root, sourceOf(root), undefined);
  resolver.report();
  return resolved?.kind === 'object' ? resolved : root;
}

/** Keys that matter; the rest of an object stays as it is. `undefined` = everything. */
type Restriction = readonly string[] | undefined;

/** One for all: a search through optional references meets many, and a stack trace is dear. */
const cycleFound = new Error('a reference leads back to itself');

/** `+=` in a row from which on they are taken together. */
const manyAppends = 32;

/** A limit was passed: there is no point in looking for further problems. */
class LimitPassed extends ConfigError {}

class Resolver {
  readonly #env: Texts;
  readonly #properties: Texts;
  readonly #whole = new Map<Value, Value>();
  readonly #partial = new Map<Value, Map<string, Value>>();
  /** Takes one result out of the two again; the latest last. */
  readonly #remembered: (() => void)[] = [];
  readonly #failed = new Map<Value, ConfigError>();
  readonly #problems = new Map<string, ConfigProblem>();
  readonly #inProgress = new Set<Value>();
  /** Where the value being resolved is written, for messages. */
  #place: Parents | undefined;
  #depth = 0;
  /** References that may still be followed, and words that may still be made. */
  readonly #left: { references: number; words: number };

  constructor(root: ObjectValue, { env = {}, properties = {} }: ResolveOptions) {
    const share = 20 * Math.min(root.size, limits.values);
    this.#left = { references: limits.followed + share, words: limits.made + share };
    this.#env = env;
    this.#properties = properties;
  }

  /** `undefined` when nothing but optional references to nothing is left. */
  resolve(value: Value, source: Source, restriction: Restriction): Value | undefined {
    const known = isResolved(value) ? value : this.#known(value, restriction);
    if (known !== undefined) return known;
    if (this.#inProgress.has(value)) throw cycleFound;
    if (++this.#depth > limits.references)
      throw passed(`references nest deeper than ${limits.references}`, value);
    try {
      const result = this.#resolveNew(value, source, restriction);
      this.#remember(value, restriction, result);
      return result;
    } finally {
      this.#depth--;
    }
  }

  /** @throws {ConfigError} with all problems so far */
  report(): void {
    if (this.#problems.size > 0) throw new ConfigError([...this.#problems.values()]);
  }

  #known(value: Value, restriction: Restriction): Value | undefined {
    const whole = this.#whole.get(value);
    if (whole !== undefined) return whole;
    const failed = this.#failed.get(value);
    if (failed !== undefined) throw failed;
    return restriction && this.#partial.get(value)?.get(memoKey(restriction));
  }

  #remember(value: Value, restriction: Restriction, result: Value | undefined): void {
    if (result === undefined || result === value) return;
    if (restriction === undefined || isResolved(result)) {
      this.#whole.set(value, result);
      this.#remembered.push(() => this.#whole.delete(value));
      return;
    }
    const key = memoKey(restriction);
    const results = this.#partial.get(value) ?? new Map<string, Value>();
    this.#partial.set(value, results.set(key, result));
    this.#remembered.push(() => results.delete(key));
  }

  #resolveNew(value: Value, source: Source, restriction: Restriction): Value | undefined {
    switch (value.kind) {
      case 'scalar':
        return value;
      case 'list':
        return restriction === undefined ? this.#resolveList(value, source) : value;
      case 'object':
        return restriction === undefined
          ? this.#resolveObject(value, source)
          : this.#resolveAlong(value, source, restriction);
      case 'reference':
        return this.#resolveReference(value, source, restriction);
      case 'concatenation':
        return this.#concatenated(
          value.pieces.map((piece) => this.resolve(piece, source, undefined)),
        );
      case 'merge':
        return this.#resolveMerge(value, source, restriction);
    }
  }

  #resolveList(list: ListValue, source: Source): Value {
    const items: Value[] = [];
    for (const [index, item] of list.items.entries()) {
      const resolved = this.#resolveChild(item, inside(source, list, index));
      if (resolved !== undefined) items.push(resolved);
    }
    const resolved = listOf(items, list.origin);
    this.#made(resolved);
    return this.#checked(resolved);
  }

  #resolveObject(object: ObjectValue, source: Source): Value {
    const fields = new Map(object.fields);
    for (const key of jvmOrder([...fields.keys()])) {
      const value = fields.get(key);
      const resolved = value && this.#resolveChild(value, inside(source, object, key));
      if (resolved === undefined) fields.delete(key);
      else if (resolved !== value) fields.set(key, resolved);
    }
    const resolved = objectOf(fields, object.origin, object.ignoresFallbacks);
    this.#made(resolved);
    return this.#checked(resolved);
  }

  /** A child with a problem stays as it is, so that those of the others are found as well. */
  #resolveChild(child: Value, source: Source): Value | undefined {
    if (isResolved(child)) return child;
    if (this.#failed.has(child)) {
      // Its problem is known. In `a = [${a}, ${a}, …]` each item meets those before it again.
      if (this.#left.references-- === 0) throw new LimitPassed([...this.#problems.values()]);
      return child;
    }
    const outer = this.#place;
    if (source.parents !== undefined) this.#place = source.parents;
    try {
      return this.resolve(child, source, undefined);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const path: string[] = [];
      for (let level = this.#place; level !== undefined; level = level.next)
        if (typeof level.key === 'string') path.unshift(level.key);
      const located = withPath(error, path);
      if (error instanceof LimitPassed) throw new LimitPassed(located.problems);
      this.#failed.set(child, located);
      for (const problem of located.problems) {
        const place = [problem.path, problem.file, problem.line];
        this.#problems.set(JSON.stringify(place), problem);
      }
      if (this.#problems.size >= limits.problems) this.report();
      return child;
    } finally {
      this.#place = outer;
    }
  }

  /** Everything on the path but its end, which may be what is being resolved. */
  #resolveAlong(object: ObjectValue, source: Source, path: readonly string[]): Value {
    const [key = ''] = path;
    const value = object.fields.get(key);
    if (value === undefined || path.length === 1) return object;
    const resolved = this.resolve(value, inside(source, object, key), path.slice(1));
    return resolved === value ? object : withField(object, key, resolved);
  }

  #concatenated(pieces: readonly (Value | undefined)[]): Value | undefined {
    const known = pieces.filter((piece) => piece !== undefined);
    const value = concatenate(known, { made: this.#made });
    if (value?.kind === 'list' || value?.kind === 'scalar') this.#made(value);
    return value && this.#checked(value);
  }

  #resolveMerge(merge: MergeStack, source: Source, restriction: Restriction): Value | undefined {
    const resolved: (Value | undefined)[] = [];
    const appends = appendsOf(merge);
    let rest: Value | undefined = merge;
    if (appends.length > manyAppends) {
      resolved.push(this.#resolveAppends(appends, source));
      rest = appends.at(-1)?.rest;
    }
    for (let index = 0; rest !== undefined; index++) {
      const { layer, rest: next }: Layer = split(rest);
      const from = isUnresolvable(layer) ? below(source, next) : inside(source, merge, index);
      resolved.push(this.resolve(layer, from, restriction));
      rest = next;
    }
    const partial = restriction !== undefined;
    const known = resolved.filter((layer) => layer !== undefined);
    const value = layers(known, partial ? { partial } : { made: this.#made });
    return value && !partial ? this.#checked(value) : value;
  }

  /**
   * The layers in one go, from the lowest up. Each alone would be the list before it and one item:
   * as many steps and lists as there are items.
   */
  #resolveAppends(appends: readonly Layer<Concatenation>[], source: Source): Value | undefined {
    const [top] = appends;
    const known = top && this.#known(top.layer, undefined);
    if (top === undefined || known !== undefined) return known;
    const pieces: (Value | undefined)[] = [];
    for (const { layer, rest } of appends.toReversed()) {
      const from = below(source, rest);
      const parts = pieces.length === 0 ? layer.pieces : layer.pieces.slice(1);
      for (const part of parts) pieces.push(this.resolve(part, from, undefined));
    }
    const value = this.#concatenated(pieces);
    this.#remember(top.layer, undefined, value);
    return value;
  }

  #resolveReference(
    reference: Reference,
    source: Source,
    restriction: Restriction,
  ): Value | undefined {
    if (this.#left.references-- === 0)
      throw passed('there are too many references to follow', reference);
    this.#inProgress.add(reference);
    let known = this.#remembered.length;
    try {
      const found = this.#lookUp(reference, source.root);
      known = this.#remembered.length;
      const value = found && this.resolve(found.value, found.source, restriction);
      if (value === undefined && !reference.optional) throw refersToNothing(reference);
      return value;
    } catch (error) {
      if (error !== cycleFound) throw error;
      // What was found out on the way into a cycle holds only there.
      while (this.#remembered.length > known) this.#remembered.pop()?.();
      if (reference.optional) return undefined;
      throw unresolved(reference, 'is part of a cycle of references');
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
    return outside ?? this.#findOutside(reference, unprefixed.join('.'));
  }

  #find(root: ObjectValue, path: readonly string[]): Found | undefined {
    const along = this.resolve(root, sourceOf(root), path);
    if (along?.kind !== 'object') return undefined;
    let found: Found | undefined = { value: along, source: sourceOf(along) };
    for (const key of path) found = found && fieldOf(found, key);
    return found;
  }

  #findOutside(reference: Reference, name: string): Found | undefined {
    const origin = { file: 'environment', line: undefined };
    const found = (value: Value): Found => ({
      value,
      source: sourceOf(objectOf(new Map(), origin)),
    });
    if (!reference.asList) {
      const text = textIn(this.#env, name) ?? textIn(this.#properties, name);
      return text === undefined ? undefined : found(textScalar(text, true, origin));
    }
    const items: Value[] = [];
    for (;;) {
      const item = textIn(this.#env, `${name}_${items.length}`);
      if (item === undefined) break;
      items.push(textScalar(item, true, origin));
    }
    return items.length === 0 ? undefined : found(listOf(items, origin));
  }

  /** Takes the words of a new value; those of the values in it are counted already. */
  readonly #made = (value: Value): void => {
    let words = 0;
    if (value.kind === 'list') words = value.items.length;
    if (value.kind === 'object') words = 24 + 6 * value.fields.size;
    if (value.kind === 'scalar') words = value.text.length / 8;
    this.#left.words -= words;
    if (this.#left.words < 0)
      throw passed('references make more values than a configuration may have', value);
  };

  #checked(value: Value): Value {
    if (depthOf(value) > limits.nesting)
      throw passed(`nested deeper than ${limits.nesting}, by references`, value);
    if (sizeOf(value) > limits.values)
      throw passed(`holds more than ${limits.values} values, by references`, value);
    return value;
  }
}

/** The uppermost layers, as far as they are written with `+=`. */
function appendsOf(merge: MergeStack): readonly Layer<Concatenation>[] {
  const appends: Layer<Concatenation>[] = [];
  for (let stack: Value | undefined = merge; stack !== undefined; ) {
    const { layer, rest }: Layer = split(stack);
    if (layer.kind !== 'concatenation' || !layer.appends) break;
    appends.push({ layer, rest });
    stack = rest;
  }
  return appends;
}

function memoKey(restriction: readonly string[]): string {
  return restriction.join('\0');
}

function textIn(texts: Texts, name: string): string | undefined {
  return Object.hasOwn(texts, name) ? texts[name] : undefined;
}

function passed(message: string, value: Value): Error {
  return new LimitPassed(hoconError(message, value.origin).problems);
}

function refersToNothing(reference: Reference): Error {
  const path = reference.path.slice(reference.prefixLength);
  const isJvms = ['java', 'os', 'sun', 'user', 'jdk', 'file', 'line'].includes(path[0] ?? '');
  const jvm = isJvms ? 'a system property that the JVM has and Node has not: ' : '';
  const name = renderPath(path);
  const help = `set ${name} in the configuration or the environment, or write \${?${name}} if it may be absent`;
  return unresolved(reference, `refers to nothing; ${jvm}${help}`);
}

function unresolved(reference: Reference, why: string): Error {
  const path = renderPath(reference.path);
  const written = `\${${reference.optional ? '?' : ''}${path}}`;
  return hoconError(`${written} ${why}`, reference.origin, reference.path);
}
