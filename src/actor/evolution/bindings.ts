import { classPrefix } from '../../model/event-pattern.ts';

const openEnd = '.*';

/**
 * What is bound to events by pattern. The most specific pattern counts: a whole `type`, then the
 * longest `prefix.*`, then `class:Name` of an instance of that class or of one derived from it,
 * then `*`.
 */
export class Bindings<T> {
  readonly #types = new Map<string, T>();
  readonly #prefixes: (readonly [prefix: string, bound: T])[] = [];
  readonly #classes = new Map<string, T>();
  #all: T | undefined;

  constructor(bound: Iterable<readonly [pattern: string, bound: T]>) {
    for (const [pattern, value] of bound) {
      if (pattern === '*') this.#all = value;
      else if (pattern.startsWith(classPrefix)) {
        this.#classes.set(pattern.slice(classPrefix.length), value);
      } else if (pattern.endsWith(openEnd)) this.#prefixes.push([pattern.slice(0, -1), value]);
      else this.#types.set(pattern, value);
    }
    this.#prefixes.sort(([a], [b]) => b.length - a.length);
  }

  /** What is bound to the event, or to the stored form of one; `undefined` = nothing. */
  of(event: unknown): T | undefined {
    return this.#byType(event) ?? this.#byClass(event) ?? this.#all;
  }

  #byType(event: unknown): T | undefined {
    const { type } = (event ?? {}) as { readonly type?: unknown };
    if (typeof type !== 'string') return undefined;
    const exact = this.#types.get(type);
    if (exact !== undefined) return exact;
    return this.#prefixes.find(([prefix]) => type.startsWith(prefix))?.[1];
  }

  #byClass(event: unknown): T | undefined {
    if (this.#classes.size === 0 || typeof event !== 'object') return undefined;
    let prototype: object | null = event && Object.getPrototypeOf(event);
    while (prototype !== null) {
      const maker: unknown = prototype.constructor;
      const bound = typeof maker === 'function' ? this.#classes.get(maker.name) : undefined;
      if (bound !== undefined) return bound;
      prototype = Object.getPrototypeOf(prototype);
    }
    return undefined;
  }
}
