import { concatenationOf, listOf, objectOf, stackOfAll, type Value } from '../values.ts';

/**
 * The value as it is when its file is included under `prefix`: references point into the place of
 * inclusion first and keep their own path as the second choice.
 *
 * What holds references is copied even where the prefix is empty. A file may be included twice, and
 * the resolver tells one value from another by identity.
 */
export function relativized(value: Value, prefix: readonly string[]): Value {
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
      return concatenationOf(value.pieces.map(inner), value.origin, value.appends);
    case 'merge':
      return stackOfAll(value.stack.map(inner)) ?? value;
    case 'object': {
      if (value.unresolved === 0) return value;
      const fields = new Map([...value.fields].map(([key, field]) => [key, inner(field)]));
      return objectOf(fields, value.origin, value.ignoresFallbacks);
    }
  }
}
