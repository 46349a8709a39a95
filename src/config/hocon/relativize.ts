import { listOf, objectOf, type Value } from './values.ts';

/**
 * The value as it is when its file is included under `prefix`: references point into the place of
 * inclusion first and keep their own path as the second choice.
 */
export function relativized(value: Value, prefix: readonly string[]): Value {
  if (prefix.length === 0) return value;
  const inner = (child: Value): Value => relativized(child, prefix);
  switch (value.kind) {
    case 'scalar':
      return value;
    case 'reference':
      return {
        ...value,
        path: [...prefix, ...value.path],
        prefixLength: value.prefixLength + prefix.length,
      };
    case 'list':
      return value.resolved ? value : listOf(value.items.map(inner), value.origin);
    case 'concatenation':
      return { ...value, pieces: value.pieces.map(inner) };
    case 'merge':
      return { ...value, stack: value.stack.map(inner) };
    case 'object': {
      const fields = new Map([...value.fields].map(([key, field]) => [key, inner(field)]));
      return value.resolved ? value : objectOf(fields, value.origin, value.ignoresFallbacks);
    }
  }
}
