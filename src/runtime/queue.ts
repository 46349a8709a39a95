/** How much a queue is to hold. */
export interface QueueBound<T> {
  /** The queue is full from this weight on. It still takes items: the caller asks before. */
  readonly maxWeight: number;
  /** Bytes or records of an item, for example. The same item must always weigh the same. */
  readonly weightOf: (item: T) => number;
}

/**
 * First in, first out, with cheap `push`, `shift` and `unshift`; `Array.shift` moves every element
 * of a long array. Without a bound, only the caller's own limits keep it short.
 */
export class Queue<T> implements Iterable<T> {
  readonly #bound: QueueBound<T> | undefined;
  #items: (T | undefined)[] = nothing;
  #head = 0;
  #weight = 0;

  constructor(bound?: QueueBound<T>) {
    this.#bound = bound;
  }

  /** Items that wait. */
  get length(): number {
    return this.#items.length - this.#head;
  }

  /** Whether the bound is reached; never without one. */
  get isFull(): boolean {
    return this.#bound !== undefined && this.#weight >= this.#bound.maxWeight;
  }

  /** Adds an item as the last one. */
  push(item: T): void {
    if (this.#items === nothing) this.#items = [item];
    else this.#items.push(item);
    if (this.#bound !== undefined) this.#weight += this.#bound.weightOf(item);
  }

  /** Takes the first item out; `undefined` when there is none. */
  shift(): T | undefined {
    if (this.#head === this.#items.length) return undefined;
    const item = this.#items[this.#head] as T;
    this.#items[this.#head++] = undefined;
    if (this.#bound !== undefined) this.#weight -= this.#bound.weightOf(item);
    if (this.#head === this.#items.length) {
      this.#items = nothing;
      this.#head = 0;
    } else if (this.#head >= compactAbove && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** The first item, which stays. */
  peek(): T | undefined {
    return this.#items[this.#head];
  }

  /** Puts items, in their order, before all others. */
  unshift(items: readonly T[]): void {
    this.#replace([...items, ...this]);
  }

  /** Keeps the items that `wanted` says yes to. */
  filter(wanted: (item: T) => boolean): void {
    this.#replace([...this].filter(wanted));
  }

  /** Takes everything out. */
  drain(): readonly T[] {
    const items = [...this];
    this.#replace([]);
    return items;
  }

  *[Symbol.iterator](): Iterator<T> {
    for (let i = this.#head; i < this.#items.length; i++) yield this.#items[i] as T;
  }

  #replace(items: T[]): void {
    this.#items = items.length === 0 ? nothing : items;
    this.#head = 0;
    const { weightOf } = this.#bound ?? {};
    this.#weight = weightOf ? items.reduce((sum, item) => sum + weightOf(item), 0) : 0;
  }
}

/** The items of all empty queues, of which a process has many; it stays empty. */
const nothing: undefined[] = [];
/** Below this, the emptied front of the array is not worth a copy. */
const compactAbove = 1024;
