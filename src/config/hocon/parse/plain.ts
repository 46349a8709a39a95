import { limits } from '../limits.ts';
import { hoconError, type Origin } from '../origin.ts';
import { listOf, type ObjectValue, textScalar, type Value } from '../values.ts';
import { ObjectDraft } from './draft.ts';
import { pathOf } from './path.ts';

/**
 * The tree of values given in code. Keys are paths: `{ 'a.b': 1 }` is `{ a: { b: 1 } }`.
 * `undefined` leaves a key out, `null` removes it. Strings stay strings, there are no references in
 * them.
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
  const tree = new ObjectDraft(origin);
  for (const [key, value] of Object.entries(values)) {
    if (value === undefined) continue;
    const path = pathOf(key);
    tree.put(path, valueFrom(value, origin, depth + path.length));
  }
  return tree.finish();
}

function valueFrom(value: unknown, origin: Origin, depth: number): Value {
  if (depth > limits.nesting) throw hoconError(`nested deeper than ${limits.nesting}`, origin);
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
