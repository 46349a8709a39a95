/**
 * A queue with cheap `push`, `shift` and `unshift`; `Array.shift` moves every element of a long
 * array.
 */
export class Deque<T> implements Iterable<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    if (this.#head === this.#items.length) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head++] = undefined;
    if (this.#head === this.#items.length) {
      this.#items.length = 0;
      this.#head = 0;
    } else if (this.#head >= compactAbove && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  peek(): T | undefined {
    return this.#items[this.#head];
  }

  /** Puts items, in their order, before all others. */
  unshift(items: readonly T[]): void {
    this.#items = [...items, ...this.#items.slice(this.#head)];
    this.#head = 0;
  }

  /** Keeps the items that `wanted` says yes to. */
  filter(wanted: (item: T) => boolean): void {
    this.#items = [...this].filter(wanted);
    this.#head = 0;
  }

  /** Takes everything out. */
  drain(): readonly T[] {
    const items = [...this];
    this.#items = [];
    this.#head = 0;
    return items;
  }

  *[Symbol.iterator](): Iterator<T> {
    for (let i = this.#head; i < this.#items.length; i++) yield this.#items[i] as T;
  }
}

/** Below this, the emptied front of the array is not worth a copy. */
const compactAbove = 1024;
