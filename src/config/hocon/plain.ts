import { withFallback } from './merge.ts';
import { hoconError, type Origin } from './origin.ts';
import { pathOf } from './path.ts';
import {
  emptyObject,
  listOf,
  type ObjectValue,
  objectUnder,
  textScalar,
  type Value,
} from './values.ts';

/** Objects and lists inside each other in values given in code. */
const maxNesting = 200;

/**
 * The tree of values given in code. Keys are paths: `{ 'a.b': 1 }` is `{ a: { b: 1 } }`. `undefined`
 * leaves a key out, `null` removes it. Strings stay strings, there are no references in them.
 *
 * @throws {ConfigError} for values that no configuration can hold
 */
export function treeOf(values: Readonly<Record<string, unknown>>, origin: Origin): ObjectValue {
  return objectFrom(values, origin, 0);
}

function objectFrom(
  values: Readonly<Record<string, unknown>>,
  origin: Origin,
  depth: number,
): ObjectValue {
  let tree = emptyObject(origin);
  for (const [key, value] of Object.entries(values)) {
    if (value === undefined) continue;
    const merged = withFallback(
      objectUnder(pathOf(key), valueFrom(value, origin, depth + 1)),
      tree,
    );
    if (merged.kind === 'object') tree = merged;
  }
  return tree;
}

function valueFrom(value: unknown, origin: Origin, depth: number): Value {
  if (depth > maxNesting) throw hoconError(`nested deeper than ${maxNesting}`, origin);
  if (typeof value === 'string') return textScalar(value, true, origin);
  if (value === null || typeof value === 'boolean' || typeof value === 'number') {
    return { kind: 'scalar', value, text: String(value), quoted: false, origin };
  }
  if (Array.isArray(value))
    return listOf(
      value.map((item) => valueFrom(item, origin, depth + 1)),
      origin,
    );
  if (typeof value === 'object') return objectFrom(value as Record<string, unknown>, origin, depth);
  throw hoconError(`a ${typeof value} cannot be a setting`, origin);
}
