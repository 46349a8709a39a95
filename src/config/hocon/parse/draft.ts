import type { Origin } from '../origin.ts';
import { withFallback } from '../resolve/merge.ts';
import {
  isResolved,
  isUnresolvable,
  type ObjectValue,
  objectOf,
  stackOf,
  type Value,
} from '../values.ts';

/**
 * An object that is still being written: `put` lays one more value over what is there. The result
 * is that of `withFallback`, value by value, but a put costs the length of its path, however many
 * siblings there are; merging immutable objects would copy all of them each time.
 */
export class ObjectDraft {
  readonly #fields = new Map<string, Value | ObjectDraft>();
  #origin: Origin;
  #ignoresFallbacks = false;
  /** What this object can be merged with only once references are known. */
  #below: Value | undefined;
  /** Objects of the same stack, this one included. */
  #layers = 1;

  constructor(origin: Origin) {
    this.#origin = origin;
  }

  has(key: string): boolean {
    return this.#fields.has(key);
  }

  /** Lays `value` over what is at `path`. Elements before `from` lead to this object. */
  put(path: readonly string[], value: Value, from = 0): void {
    const key = path[from] ?? '';
    const existing = this.#fields.get(key);
    const isLast = from === path.length - 1;
    if (isLast && (existing === undefined || value.kind !== 'object' || value.ignoresFallbacks)) {
      this.#fields.set(key, existing === undefined ? value : over(existing, value));
      return;
    }
    const inner = ObjectDraft.over(existing, { path, from: from + 1, value });
    if (isLast && value.kind === 'object')
      for (const [name, field] of value.fields) inner.put([name], field);
    if (!isLast) inner.put(path, value, from + 1);
    inner.#origin = value.origin;
    this.#fields.set(key, inner);
  }

  /** Ends the draft. Something is below only where this object was put over a value. */
  finish(): ObjectValue {
    const fields = new Map<string, Value>();
    for (const [key, value] of this.#fields) fields.set(key, ObjectDraft.finished(value));
    return objectOf(fields, this.#origin, this.#ignoresFallbacks);
  }

  static finished(value: Value | ObjectDraft): Value {
    if (!(value instanceof ObjectDraft)) return value;
    const object = value.finish();
    return value.#below === undefined ? object : stackOf(object, value.#below);
  }

  /** The draft that takes what is put over `existing`. */
  static over(existing: Value | ObjectDraft | undefined, put: Put): ObjectDraft {
    const { origin } = put.value;
    if (existing instanceof ObjectDraft && existing.#takes(put)) return existing;
    const draft = new ObjectDraft(origin);
    if (existing === undefined) return draft;
    const below = ObjectDraft.finished(existing);
    if (below.kind === 'object') {
      for (const [key, value] of below.fields) draft.#fields.set(key, value);
      draft.#ignoresFallbacks = below.ignoresFallbacks;
    } else if (!isUnresolvable(below) && isResolved(put.value)) draft.#ignoresFallbacks = true;
    else draft.#below = below;
    if (existing instanceof ObjectDraft) draft.#layers = existing.#layers + 1;
    return draft;
  }

  /**
   * While something is below, each assignment is a layer of its own: which of them wins is known
   * only later, and references see a difference. Among many, those that do not meet share one.
   */
  #takes({ path, from, value }: Put): boolean {
    if (this.#below === undefined) return true;
    if (this.#layers < maxLayers) return false;
    if (from < path.length) return this.#isFree(path, from);
    return value.kind === 'object' && ![...value.fields.keys()].some((key) => this.has(key));
  }

  #isFree(path: readonly string[], from: number): boolean {
    const existing = this.#fields.get(path[from] ?? '');
    if (existing === undefined) return true;
    if (!(existing instanceof ObjectDraft) || existing.#below !== undefined) return false;
    return from < path.length - 1 && existing.#isFree(path, from + 1);
  }
}

/** What hides everything below needs no look at it. */
function over(existing: Value | ObjectDraft, value: Value): Value {
  const hides = value.kind === 'scalar' || value.kind === 'object';
  return hides ? value : withFallback(value, ObjectDraft.finished(existing));
}

/** Layers that every look into the stack has to pass. */
const maxLayers = 64;

/** `value` at what is left of `path` after `from` elements. */
interface Put {
  readonly path: readonly string[];
  readonly from: number;
  readonly value: Value;
}
