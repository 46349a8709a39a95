import { limits } from '../limits.ts';
import { hoconError, type Origin } from '../origin.ts';
import {
  concatenationOf,
  depthOf,
  isResolved,
  isUnresolvable,
  type ListValue,
  layersOf,
  listOf,
  listOfNumericKeys,
  type ObjectValue,
  objectOf,
  stackOf,
  stackOfAll,
  textScalar,
  type Value,
} from '../values.ts';
import { MergedFields } from './derived-fields.ts';

/** Merged objects with more fields than this are worth a look at single keys, without a copy. */
const largeObject = 256;

/**
 * `value` laid over `fallback`. Objects merge key by key, anything else hides what is below it;
 * where a reference decides which of the two happens, both are kept as a merge stack.
 */
export function withFallback(value: Value, fallback: Value): Value {
  const waits = value.kind !== 'object' && value.kind !== 'merge' && !isResolved(value);
  return waits ? stackOf(value, fallback) : (layers([value, fallback]) ?? value);
}

/** How a stack is merged. Defaults suit a parser, which merges what is written. */
export interface Merging {
  /** Only some keys of the result will be looked at. */
  readonly partial?: boolean;
  /** Is told of every new object. */
  readonly made?: ((object: ObjectValue) => void) | undefined;
}

/**
 * The values laid over each other, the first on top; `undefined` when there is none. All at once,
 * because merging one after the other copies the fields of the upper ones again and again.
 */
export function layers(values: readonly Value[], merging: Merging = {}): Value | undefined {
  const all = visible(values);
  const firstOther = all.findIndex(({ kind }) => kind !== 'object');
  const objects = (firstOther < 0 ? all : all.slice(0, firstOther)) as readonly ObjectValue[];
  const others = firstOther < 0 ? [] : all.slice(firstOther);
  const [next] = others;
  if (objects.length === 0) return stackOfAll(others);
  const merged = mergeObjects(objects, merging);
  if (next === undefined) return merged;
  if (isResolved(merged) && !isUnresolvable(next)) return { ...merged, ignoresFallbacks: true };
  return stackOfAll([merged, ...others]);
}

/** The layers down to the first that hides what is below it. */
function visible(values: readonly Value[]): readonly Value[] {
  const all: Value[] = [];
  for (const value of values) {
    for (const layer of layersOf(value)) {
      all.push(layer);
      if (ignoresFallbacks(layer)) return all;
    }
  }
  return all;
}

/** Whether the value hides whatever is below it. */
export function ignoresFallbacks(value: Value): boolean {
  if (value.kind === 'object' || value.kind === 'merge') return value.ignoresFallbacks;
  return isResolved(value);
}

function mergeObjects(objects: readonly ObjectValue[], merging: Merging): ObjectValue {
  const [top, next] = objects;
  const ignores = objects.at(-1)?.ignoresFallbacks ?? false;
  if (top === undefined) throw new Error('there is nothing to merge');
  if (next === undefined) return top;
  const size = objects.reduce((sum, object) => sum + object.size, 0);
  if (merging.partial && size > largeObject) {
    return {
      kind: 'object',
      fields: new MergedFields(objects, (values) => layers(values, { partial: true })),
      unresolved: objects.reduce((sum, { unresolved }) => sum + unresolved, 0),
      ignoresFallbacks: ignores,
      depth: Math.max(...objects.map(depthOf)),
      size,
      origin: top.origin,
    };
  }
  const fields = new Map<string, Value>();
  for (const [key, values] of valuesByKey(objects)) {
    const merged = values.length === 1 ? values[0] : layers(values.toReversed(), merging);
    if (merged !== undefined) fields.set(key, merged);
  }
  const object = objectOf(fields, top.origin, ignores);
  merging.made?.(object);
  return object;
}

/** The values of each key, lowest first. */
function valuesByKey(objects: readonly ObjectValue[]): ReadonlyMap<string, Value[]> {
  const together = new Map<string, Value[]>();
  for (const object of objects.toReversed()) {
    for (const [key, value] of object.fields) {
      const lower = together.get(key);
      if (lower === undefined) together.set(key, [value]);
      else lower.push(value);
    }
  }
  return together;
}

/** What joining pieces reports. */
export interface Concatenating extends Pick<Merging, 'made'> {
  /** The pieces are those of `+=`. */
  readonly appends?: boolean;
}

/**
 * Joins adjacent pieces as far as they are known: strings with strings, lists with lists, objects
 * with objects. `undefined` when there is no piece.
 *
 * @throws {ConfigError} when a list or object meets something else
 */
export function concatenate(
  pieces: readonly Value[],
  { appends = false, made }: Concatenating = {},
): Value | undefined {
  const [only] = pieces;
  if (pieces.length < 2 && only?.kind !== 'concatenation') return only;
  const all = pieces.flatMap((piece) => (piece.kind === 'concatenation' ? piece.pieces : [piece]));
  const joined = joinedRuns(all, made);
  const [first] = joined;
  if (first === undefined || joined.length === 1) return first;
  return concatenationOf(joined, first.origin, appends);
}

/** The pieces with each run of those that join as one. */
function joinedRuns(pieces: readonly Value[], made: Merging['made']): readonly Value[] {
  const joined: Value[] = [];
  let run: Value[] = [];
  const close = (): Value[] => {
    if (run.length > 0) joined.push(join(run, made));
    return [];
  };
  for (const piece of pieces) {
    const [first] = run;
    const meets = first && meeting(first, piece);
    if (meets === 'mixed') throw mixedKinds(join(run, made));
    if (meets === 'apart') run = close();
    if (first?.kind === 'object' && piece.kind === 'list') run = [join(run, made)];
    if (meets !== 'dropped') run.push(piece);
  }
  close();
  return joined;
}

/** What a run that begins with `first` does with the next piece. */
function meeting(first: Value, piece: Value): 'joined' | 'apart' | 'mixed' | 'dropped' {
  if (isUnresolvable(first) || isUnresolvable(piece)) return 'apart';
  if (isContainer(first) === isContainer(piece)) return 'joined';
  // White space between pieces is unquoted text; like the reference we drop any such text here.
  const isUnquotedText =
    piece.kind === 'scalar' && typeof piece.value === 'string' && !piece.quoted;
  return isContainer(first) && isUnquotedText ? 'dropped' : 'mixed';
}

/** One value of a run of texts, of objects, or of lists and the objects that stand for one. */
function join(run: readonly Value[], made: Merging['made']): Value {
  const [first] = run;
  if (first === undefined) throw new Error('there is nothing to join');
  if (run.length === 1) return first;
  if (run.every(({ kind }) => kind === 'object'))
    return layers(run.toReversed(), { made }) ?? first;
  if (!isContainer(first)) {
    const texts = run.map((piece) => (piece.kind === 'scalar' ? piece.text : ''));
    checkLength(
      texts.reduce((sum, text) => sum + text.length, 0),
      first,
    );
    return textScalar(texts.join(''), true, first.origin);
  }
  // An object with numeric keys stands for a list where it meets one.
  const lists = run.map((value) => {
    const list = value.kind === 'object' ? listOfNumericKeys(value) : value;
    if (list?.kind !== 'list') throw mixedKinds(value);
    return list;
  });
  checkLength(
    lists.reduce((sum, { items }) => sum + items.length, 0),
    first,
  );
  return listOf(
    lists.flatMap(({ items }) => items),
    first.origin,
  );
}

function isContainer(value: Value): value is ListValue | ObjectValue {
  return value.kind === 'list' || value.kind === 'object';
}

function mixedKinds({ origin }: Located): Error {
  return hoconError('a list or object can be concatenated only with its like', origin);
}

interface Located {
  readonly origin: Origin;
}

function checkLength(length: number, { origin }: Located): void {
  if (length <= limits.concatenation) return;
  throw hoconError(`the concatenation is longer than ${limits.concatenation}`, origin);
}
