import { depthOf, isResolved, type ObjectValue, sizeOf, type Value } from '../values.ts';

/**
 * Fields that are found when somebody asks for them. Resolving looks at one key of an object at a
 * time, and a copy of the object for each look would be quadratic: it may have 100,000 keys.
 */
abstract class DerivedFields implements ReadonlyMap<string, Value> {
  abstract get(key: string): Value | undefined;
  /** Every key that may have a value, once. */
  protected abstract candidates(): Iterable<string>;

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  *entries(): MapIterator<[string, Value]> {
    for (const key of this.candidates()) {
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

/** Those of an object that is laid over others, by a merge of the values of one key. */
export class MergedFields extends DerivedFields {
  readonly #objects: readonly ObjectValue[];
  readonly #merge: (values: readonly Value[]) => Value | undefined;
  readonly #known = new Map<string, Value | undefined>();

  constructor(
    objects: readonly ObjectValue[],
    merge: (values: readonly Value[]) => Value | undefined,
  ) {
    super();
    this.#objects = objects;
    this.#merge = merge;
  }

  get(key: string): Value | undefined {
    if (!this.#known.has(key))
      this.#known.set(
        key,
        this.#merge(this.#objects.flatMap(({ fields }) => fields.get(key) ?? [])),
      );
    return this.#known.get(key);
  }

  protected candidates(): Iterable<string> {
    return new Set(this.#objects.toReversed().flatMap(({ fields }) => [...fields.keys()]));
  }
}

type Changes = ReadonlyMap<string, Value | undefined>;

class ChangedFields extends DerivedFields {
  readonly base: ReadonlyMap<string, Value>;
  readonly changes: Changes;

  constructor(base: ReadonlyMap<string, Value>, changes: Changes) {
    super();
    this.base = base;
    this.changes = changes;
  }

  get(key: string): Value | undefined {
    return this.changes.has(key) ? this.changes.get(key) : this.base.get(key);
  }

  protected candidates(): Iterable<string> {
    return new Set([...this.base.keys(), ...this.changes.keys()]);
  }
}

/** The object with another value for one key; `undefined` takes the key out. */
export function withField(object: ObjectValue, key: string, value: Value | undefined): ObjectValue {
  const { fields } = object;
  const isUnresolved = (one: Value | undefined): number => (one && !isResolved(one) ? 1 : 0);
  const [base, changes]: [ReadonlyMap<string, Value>, Changes] =
    fields instanceof ChangedFields ? [fields.base, fields.changes] : [fields, new Map()];
  return {
    ...object,
    fields: new ChangedFields(base, new Map(changes).set(key, value)),
    unresolved: object.unresolved - isUnresolved(fields.get(key)) + isUnresolved(value),
    depth: Math.max(object.depth, value === undefined ? 0 : depthOf(value) + 1),
    size: object.size + (value === undefined ? 0 : sizeOf(value)),
  };
}
