import { depthOf, isResolved, type ObjectValue, sizeOf, type Value } from './values.ts';

/**
 * Fields of an object that differ from those of another one, or of several, without a copy of all
 * of them: resolving looks at one key of an object at a time, and the object may have 100,000.
 */
export class DerivedFields implements ReadonlyMap<string, Value> {
  readonly #keys: () => Iterable<string>;
  readonly #derive: (key: string) => Value | undefined;
  readonly #known = new Map<string, Value | undefined>();
  /** Maps that one look-up may have to pass. */
  readonly height: number;

  /** @param keys all keys that may have a value, each once */
  constructor(
    keys: () => Iterable<string>,
    derive: (key: string) => Value | undefined,
    height: number,
  ) {
    this.#keys = keys;
    this.#derive = derive;
    this.height = height;
  }

  get(key: string): Value | undefined {
    if (this.#known.has(key)) return this.#known.get(key);
    const value = this.#derive(key);
    this.#known.set(key, value);
    return value;
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  *entries(): MapIterator<[string, Value]> {
    for (const key of this.#keys()) {
      const value = this.get(key);
      if (value !== undefined) yield [key, value];
    }
  }

  *keys(): MapIterator<string> {
    for (const [key] of this.entries()) yield key;
  }

  *values(): MapIterator<Value> {
    for (const [, value] of this.entries()) yield value;
  }

  [Symbol.iterator](): MapIterator<[string, Value]> {
    return this.entries();
  }

  get size(): number {
    return [...this.entries()].length;
  }

  forEach(callback: (value: Value, key: string, map: ReadonlyMap<string, Value>) => void): void {
    for (const [key, value] of this.entries()) callback(value, key, this);
  }
}

/** Beyond this a copy is cheaper than one more map on top of the others. */
const maxHeight = 16;

/** The object with another value for one key; `undefined` takes the key out. */
export function withField(object: ObjectValue, key: string, value: Value | undefined): ObjectValue {
  const old = object.fields.get(key);
  const [before, after] = [old, value].map((one) => (one && !isResolved(one) ? 1 : 0));
  return {
    ...object,
    fields: replaced(object.fields, key, value),
    unresolved: object.unresolved - (before ?? 0) + (after ?? 0),
    depth: Math.max(object.depth, value === undefined ? 0 : depthOf(value) + 1),
    size: object.size + (value === undefined ? 0 : sizeOf(value)),
  };
}

function replaced(
  base: ReadonlyMap<string, Value>,
  key: string,
  value: Value | undefined,
): ReadonlyMap<string, Value> {
  const height = heightOf({ fields: base });
  if (height < maxHeight) {
    const keys = (): Iterable<string> => new Set([...base.keys(), key]);
    return new DerivedFields(keys, (at) => (at === key ? value : base.get(at)), height + 1);
  }
  const fields = new Map(base);
  if (value === undefined) fields.delete(key);
  else fields.set(key, value);
  return fields;
}

export function heightOf({ fields }: Pick<ObjectValue, 'fields'>): number {
  return fields instanceof DerivedFields ? fields.height : 0;
}
