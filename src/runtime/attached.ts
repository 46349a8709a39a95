/**
 * What we know of an object of somebody else's, kept on that object under a name that only this
 * has. A `WeakMap` does the same, but its table is as large as it ever was: of a hundred thousand
 * actors that came and went it would keep the room.
 */
export class Attached<T> {
  readonly #name: symbol;

  /** @param name shown where the object is printed */
  constructor(name: string) {
    this.#name = Symbol(name);
  }

  /** Of what is no object, as callers in JavaScript may give it, nothing is known. */
  get(owner: object): T | undefined {
    return (owner as { readonly [name: symbol]: T | undefined } | undefined)?.[this.#name];
  }

  set(owner: object, value: T): void {
    (owner as { [name: symbol]: T })[this.#name] = value;
  }
}
