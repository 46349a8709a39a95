import { hoconError } from './origin.ts';
import {
  isResolved,
  isUnresolvable,
  type ListValue,
  listOf,
  listOfNumericKeys,
  type MergeStack,
  type ObjectValue,
  objectOf,
  type Scalar,
  textScalar,
  type Value,
} from './values.ts';

/** Longest string or list of a concatenation: `a=${b}${b}, b=${c}${c}, …` doubles each time. */
const maxConcatenatedLength = 4_000_000;

/**
 * `value` laid over `fallback`. Objects merge key by key, anything else hides what is below it;
 * where a reference decides which of the two happens, both are kept as a merge stack.
 */
export function withFallback(value: Value, fallback: Value): Value {
  if (ignoresFallbacks(value)) return value;
  if (isUnresolvable(fallback)) return stackOf([...layersOf(value), ...layersOf(fallback)]);
  if (value.kind === 'object' && fallback.kind === 'object') return mergeObjects(value, fallback);
  if (value.kind === 'object' && value.resolved) return { ...value, ignoresFallbacks: true };
  return stackOf([...layersOf(value), fallback]);
}

export function stackOf(stack: readonly Value[]): Value {
  const [top] = stack;
  if (top !== undefined && stack.length === 1) return top;
  return { kind: 'merge', stack, origin: top?.origin ?? { file: undefined, line: undefined } };
}

function layersOf(value: Value): readonly Value[] {
  return value.kind === 'merge' ? value.stack : [value];
}

function ignoresFallbacks(value: Value): boolean {
  if (value.kind === 'object') return value.ignoresFallbacks;
  if (value.kind === 'merge') return stackIgnoresFallbacks(value);
  return isResolved(value);
}

function stackIgnoresFallbacks({ stack }: MergeStack): boolean {
  const bottom = stack.at(-1);
  return bottom !== undefined && ignoresFallbacks(bottom);
}

function mergeObjects(value: ObjectValue, fallback: ObjectValue): ObjectValue {
  const fields = new Map(fallback.fields);
  for (const [key, upper] of value.fields) {
    const lower = fields.get(key);
    fields.set(key, lower === undefined ? upper : withFallback(upper, lower));
  }
  return objectOf(fields, value.origin, fallback.ignoresFallbacks);
}

/**
 * Joins adjacent pieces as far as they are known: strings with strings, lists with lists, objects
 * with objects. `undefined` when there is no piece.
 *
 * @throws {ConfigError} when a list or object meets something else
 */
export function concatenate(pieces: readonly Value[]): Value | undefined {
  const joined: Value[] = [];
  for (const piece of pieces.flatMap(piecesOf)) joinLast(joined, piece);
  const [first] = joined;
  if (first === undefined || joined.length === 1) return first;
  return { kind: 'concatenation', pieces: joined, origin: first.origin };
}

function piecesOf(value: Value): readonly Value[] {
  return value.kind === 'concatenation' ? value.pieces : [value];
}

function joinLast(joined: Value[], piece: Value): void {
  const last = joined.pop();
  const both = last === undefined ? undefined : join(last, piece);
  if (both !== undefined) joined.push(both);
  else if (last === undefined) joined.push(piece);
  else joined.push(last, piece);
}

/** `undefined` when a reference has to be resolved first. */
function join(left: Value, right: Value): Value | undefined {
  if (isContainer(left)) {
    if (isContainer(right)) return joinContainers(left, right);
    if (isUnquotedText(right)) return left;
  }
  if (isUnresolvable(left) || isUnresolvable(right)) return undefined;
  if (left.kind !== 'scalar' || right.kind !== 'scalar') throw mixedKinds(left);
  return joinText(left, right);
}

/** An object with numeric keys stands for a list where it meets one. */
function joinContainers(left: Container, right: Container): Value {
  if (left.kind === 'object' && right.kind === 'object') return withFallback(right, left);
  return joinLists(asList(left), asList(right), left);
}

function asList(value: Container): ListValue | undefined {
  return value.kind === 'list' ? value : listOfNumericKeys(value);
}

function joinLists(
  left: ListValue | undefined,
  right: ListValue | undefined,
  place: Value,
): ListValue {
  if (left === undefined || right === undefined) throw mixedKinds(place);
  checkLength(left.items.length + right.items.length, place);
  return listOf([...left.items, ...right.items], left.origin);
}

function joinText(left: Scalar, right: Scalar): Scalar {
  checkLength(left.text.length + right.text.length, left);
  return textScalar(left.text + right.text, true, left.origin);
}

type Container = ListValue | ObjectValue;

function isContainer(value: Value): value is Container {
  return value.kind === 'list' || value.kind === 'object';
}

/** White space between pieces is unquoted text; like the reference we drop any such text here. */
function isUnquotedText(value: Value): boolean {
  return value.kind === 'scalar' && typeof value.value === 'string' && !value.quoted;
}

function mixedKinds({ origin }: Value): Error {
  return hoconError('a list or object can be concatenated only with its like', origin);
}

function checkLength(length: number, { origin }: Value): void {
  if (length <= maxConcatenatedLength) return;
  throw hoconError(`the concatenation is longer than ${maxConcatenatedLength}`, origin);
}
