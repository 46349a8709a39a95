import type { Origin } from './origin.ts';

/**
 * The tree between parsing and resolving. Scalars, lists and objects are what a configuration
 * consists of in the end; references, concatenations and merge stacks stand for values that only
 * the whole, assembled configuration decides.
 */
export type Value = Scalar | ListValue | ObjectValue | Reference | Concatenation | MergeStack;

/** A text, number, boolean or `null`. */
export interface Scalar {
  readonly kind: 'scalar';
  readonly value: string | number | boolean | null;
  /** As written: what a concatenation or `getString` sees. */
  readonly text: string;
  readonly quoted: boolean;
  readonly origin: Origin;
}

/** What holds values knows how large it is, so that what would be too large is never walked. */
interface Measured {
  /** Objects and lists inside each other, this one included. */
  readonly depth: number;
  /** Values inside when written out: what several references share counts each time. */
  readonly size: number;
}

/** A list, whose items may be unresolved. */
export interface ListValue extends Measured {
  readonly kind: 'list';
  readonly items: readonly Value[];
  readonly resolved: boolean;
  readonly origin: Origin;
}

/** An object, whose fields may be unresolved. */
export interface ObjectValue extends Measured {
  readonly kind: 'object';
  readonly fields: ReadonlyMap<string, Value>;
  /** How many of the fields hold references. */
  readonly unresolved: number;
  /** A value that is no object is below: objects further down must not be merged in. */
  readonly ignoresFallbacks: boolean;
  readonly origin: Origin;
}

/** `${path}` or `${?path}`. */
export interface Reference {
  readonly kind: 'reference';
  readonly path: readonly string[];
  /** Leading elements that an `include` inside an object added. */
  readonly prefixLength: number;
  readonly optional: boolean;
  /** `${path[]}`: a list from the environment variables `path_0`, `path_1`, … */
  readonly asList: boolean;
  readonly origin: Origin;
}

/** Adjacent pieces, at least one of which is a reference. */
export interface Concatenation extends Measured {
  readonly kind: 'concatenation';
  readonly pieces: readonly Value[];
  /** Written with `+=`: the first piece is what was there before, the second a list of one. */
  readonly appends: boolean;
  readonly origin: Origin;
}

/**
 * Assignments to one path that can be merged only once their references are known: the latest one
 * over the `rest`. A chain, so that the next assignment, and what is left below a layer, cost
 * nothing however many there are.
 */
export interface MergeStack extends Measured {
  readonly kind: 'merge';
  readonly top: Value;
  readonly rest: Value;
  /** All layers, latest first. */
  readonly stack: readonly Value[];
  readonly ignoresFallbacks: boolean;
  readonly origin: Origin;
}

/** A value whose kind is unknown before it is resolved. */
export type Unresolvable = Reference | Concatenation | MergeStack;

/** Whether only resolving shows of what kind the value is. */
export function isUnresolvable(value: Value): value is Unresolvable {
  return value.kind === 'reference' || value.kind === 'concatenation' || value.kind === 'merge';
}

/** Nothing inside is left to resolve. */
export function isResolved(value: Value): boolean {
  if (value.kind === 'object') return value.unresolved === 0;
  return value.kind === 'list' ? value.resolved : value.kind === 'scalar';
}

/** A text; `quoted` texts keep their white space in concatenations. */
export function textScalar(text: string, quoted: boolean, origin: Origin): Scalar {
  return { kind: 'scalar', value: text, text, quoted, origin };
}

/** The list of `items`, with its measures. */
export function listOf(items: readonly Value[], origin: Origin): ListValue {
  return { kind: 'list', items, resolved: items.every(isResolved), ...measured(items, 1), origin };
}

/** The object of `fields`, with its measures. */
export function objectOf(
  fields: ReadonlyMap<string, Value>,
  origin: Origin,
  ignoresFallbacks = false,
): ObjectValue {
  let unresolved = 0;
  for (const value of fields.values()) if (!isResolved(value)) unresolved++;
  const measures = measured(fields.values(), 1);
  return { kind: 'object', fields, unresolved, ignoresFallbacks, ...measures, origin };
}

/** An object without fields. */
export function emptyObject(origin: Origin): ObjectValue {
  return objectOf(new Map(), origin);
}

/** The pieces as one value, to be joined when their references are known. */
export function concatenationOf(
  pieces: readonly Value[],
  origin: Origin,
  appends = false,
): Concatenation {
  return { kind: 'concatenation', pieces, appends, ...measured(pieces, 0), origin };
}

/** `top` over a `rest` that it may have to be merged with; `top` is no merge stack. */
export function stackOf(top: Value, rest: Value): MergeStack {
  const ignoresFallbacks =
    rest.kind === 'object' || rest.kind === 'merge' ? rest.ignoresFallbacks : isResolved(rest);
  const measures = measured([top, rest], 0);
  return new Stack({ top, rest, ignoresFallbacks, ...measures });
}

/** The layers, latest first, as one value; `undefined` when there is none. */
export function stackOfAll(layers: readonly Value[]): Value | undefined {
  return layers.reduceRight<Value | undefined>(
    (rest, layer) => (rest === undefined ? layer : stackOf(layer, rest)),
    undefined,
  );
}

class Stack implements MergeStack {
  readonly kind = 'merge';
  readonly top: Value;
  readonly rest: Value;
  readonly ignoresFallbacks: boolean;
  readonly depth: number;
  readonly size: number;

  constructor(parts: Pick<MergeStack, 'top' | 'rest' | 'ignoresFallbacks' | 'depth' | 'size'>) {
    this.top = parts.top;
    this.rest = parts.rest;
    this.ignoresFallbacks = parts.ignoresFallbacks;
    this.depth = parts.depth;
    this.size = parts.size;
  }

  get origin(): Origin {
    return this.top.origin;
  }

  get stack(): readonly Value[] {
    return [...layersOf(this)];
  }
}

/** One layer of a merge stack. */
export interface Layer<T extends Value = Value> {
  readonly layer: T;
  /** What is below it; `undefined` for the lowest. */
  readonly rest: Value | undefined;
}

/** The uppermost layer of a merge stack; any other value is the lowest layer. */
export function split(stack: Value): Layer {
  return stack.kind === 'merge'
    ? { layer: stack.top, rest: stack.rest }
    : { layer: stack, rest: undefined };
}

/** The layers of a merge stack, latest first; any other value is one layer. */
export function* layersOf(value: Value): Generator<Value, void, undefined> {
  let rest = value;
  for (; rest.kind === 'merge'; rest = rest.rest) yield rest.top;
  yield rest;
}

function measured(children: Iterable<Value>, own: 0 | 1): Measured {
  let [depth, size] = [0, own as number];
  for (const child of children) {
    depth = Math.max(depth, depthOf(child));
    size += sizeOf(child);
  }
  return { depth: depth + own, size };
}

/** Objects and lists inside each other; 0 for what holds none. */
export function depthOf(value: Value): number {
  return 'depth' in value ? value.depth : 0;
}

/** Values inside when written out, at least 1. */
export function sizeOf(value: Value): number {
  return 'size' in value ? value.size : 1;
}

/** `{ a { b = value } }` for the path `a.b`. */
export function objectUnder(path: readonly string[], value: Value): Value {
  return path.reduceRight<Value>(
    (inner, key) => objectOf(new Map([[key, inner]]), value.origin),
    value,
  );
}

/** The list that an object with numeric keys stands for; `undefined` when it has none. */
export function listOfNumericKeys(value: ObjectValue): ListValue | undefined {
  const numbered = [...value.fields]
    .filter(([key]) => /^\+?\d{1,10}$/.test(key) && Number(key) <= 0x7fffffff)
    .sort(([a], [b]) => Number(a) - Number(b));
  if (numbered.length === 0) return undefined;
  return listOf(
    numbered.map(([, item]) => item),
    value.origin,
  );
}

/** A resolved value as plain JavaScript. */
export type Plain =
  | string
  | number
  | boolean
  | null
  | readonly Plain[]
  | { readonly [key: string]: Plain };

/**
 * A resolved value as JSON would have it; what is unresolved shows as its kind. What references
 * share is shared in the result, too: it is not to be changed.
 */
export function toPlain(value: Value, known: Map<Value, Plain> = new Map()): Plain {
  if (value.kind === 'scalar') return value.value;
  if (value.kind !== 'list' && value.kind !== 'object') return `<${value.kind}>`;
  let plain = known.get(value);
  if (plain !== undefined) return plain;
  if (value.kind === 'list') plain = value.items.map((item) => toPlain(item, known));
  else {
    const entries = [...value.fields].map(([key, field]) => [key, toPlain(field, known)]);
    plain = Object.fromEntries(entries) as Plain;
  }
  known.set(value, plain);
  return plain;
}
