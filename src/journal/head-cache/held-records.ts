import type { Offset } from '../../model/position.ts';
import type { CachedHead, Held } from './cached-head.ts';

/** Bytes that all partitions of a cache hold together. */
export class ByteBudget {
  readonly max: number;
  used = 0;

  constructor(max: number) {
    this.max = max;
  }

  get isExceeded(): boolean {
    return this.used > this.max;
  }
}

interface HeldRecord {
  readonly head: CachedHead;
  readonly epoch: number;
  readonly offset: Offset;
  readonly bytes: number;
}

/** Below this number of entries it does not pay to clear up. */
const minCompaction = 1_024;

/**
 * The records that one partition holds, by offset: the first to be replicated is the first to go.
 */
export class HeldRecords {
  readonly #budget: ByteBudget;
  #records: HeldRecord[] = [];
  #first = 0;
  /** Entries that still stand for a record. */
  #live = 0;
  #bytes = 0;

  constructor(budget: ByteBudget) {
    this.#budget = budget;
  }

  /**
   * A record that its head has just taken; older ones are given up where the budget asks for it.
   */
  push(head: CachedHead, offset: Offset, bytes: number): void {
    this.#records.push({ head, epoch: head.epoch, offset, bytes });
    this.#account(1, bytes);
    while (this.#budget.isExceeded && this.#first < this.#records.length) {
      const oldest = this.#records[this.#first];
      this.#first += 1;
      if (oldest === undefined || oldest.epoch !== oldest.head.epoch) continue;
      const { held } = oldest.head;
      oldest.head.release();
      this.released(held);
    }
  }

  /** A head no longer holds these records. */
  released({ records, bytes }: Held): void {
    if (records === 0) return;
    this.#account(-records, -bytes);
    this.#compactWhenSparse();
  }

  /** The store has everything up to and including `replicated`. */
  forget(replicated: Offset): void {
    for (;;) {
      const record = this.#records[this.#first];
      if (record === undefined || record.offset > replicated) break;
      this.#first += 1;
      if (record.epoch !== record.head.epoch) continue;
      record.head.forget(record.offset, record.bytes);
      this.#account(-1, -record.bytes);
    }
    this.#compactWhenSparse();
  }

  clear(): void {
    this.#account(-this.#live, -this.#bytes);
    this.#records = [];
    this.#first = 0;
  }

  #account(records: number, bytes: number): void {
    this.#live += records;
    this.#bytes += bytes;
    this.#budget.used += bytes;
  }

  #compactWhenSparse(): void {
    if (this.#records.length < minCompaction || this.#live * 2 > this.#records.length) return;
    this.#records = this.#records
      .slice(this.#first)
      .filter(({ head, epoch }) => head.epoch === epoch);
    this.#first = 0;
  }
}
