import type { Origin } from './origin.ts';

/**
 * The tree between parsing and resolving. Scalars, lists and objects are what a configuration
 * consists of in the end; references, concatenations and merge stacks stand for values that only
 * the whole, assembled configuration can tell.
 */
export type Value = Scalar | ListValue | ObjectValue | Reference | Concatenation | MergeStack;

export interface Scalar {
  readonly kind: 'scalar';
  readonly value: string | number | boolean | null;
  /** As written: what a concatenation or `getString` sees. */
  readonly text: string;
  readonly quoted: boolean;
  readonly origin: Origin;
}

export interface ListValue {
  readonly kind: 'list';
  readonly items: readonly Value[];
  readonly resolved: boolean;
  readonly origin: Origin;
}

export interface ObjectValue {
  readonly kind: 'object';
  readonly fields: ReadonlyMap<string, Value>;
  readonly resolved: boolean;
  /** A non-object lies below: objects further down must not be merged in. */
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
export interface Concatenation {
  readonly kind: 'concatenation';
  readonly pieces: readonly Value[];
  readonly origin: Origin;
}

/** Assignments to one path that can be merged only once their references are known; latest first. */
export interface MergeStack {
  readonly kind: 'merge';
  readonly stack: readonly Value[];
  readonly origin: Origin;
}

/** A value whose kind is unknown before it is resolved. */
export type Unresolvable = Reference | Concatenation | MergeStack;

export function isUnresolvable(value: Value): value is Unresolvable {
  return value.kind === 'reference' || value.kind === 'concatenation' || value.kind === 'merge';
}

/** Nothing inside is left to resolve. */
export function isResolved(value: Value): boolean {
  if (value.kind === 'list' || value.kind === 'object') return value.resolved;
  return value.kind === 'scalar';
}

export function textScalar(text: string, quoted: boolean, origin: Origin): Scalar {
  return { kind: 'scalar', value: text, text, quoted, origin };
}

export function listOf(items: readonly Value[], origin: Origin): ListValue {
  return { kind: 'list', items, resolved: items.every(isResolved), origin };
}

export function objectOf(
  fields: ReadonlyMap<string, Value>,
  origin: Origin,
  ignoresFallbacks = false,
): ObjectValue {
  let resolved = true;
  for (const value of fields.values()) resolved &&= isResolved(value);
  return { kind: 'object', fields, resolved, ignoresFallbacks, origin };
}

export function emptyObject(origin: Origin): ObjectValue {
  return objectOf(new Map(), origin);
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

export type Plain =
  | string
  | number
  | boolean
  | null
  | readonly Plain[]
  | { readonly [key: string]: Plain };

/** A resolved value as JSON would have it; what is unresolved shows as its kind. */
export function toPlain(value: Value): Plain {
  if (value.kind === 'scalar') return value.value;
  if (value.kind === 'list') return value.items.map(toPlain);
  if (value.kind !== 'object') return `<${value.kind}>`;
  return Object.fromEntries([...value.fields].map(([key, field]) => [key, toPlain(field)]));
}
