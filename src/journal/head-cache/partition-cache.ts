import type { Head } from '../../history/head.ts';
import type { Cut } from '../../history/read-view.ts';
import { Tenures, type TenureVerdict } from '../../history/tenures.ts';
import { Action, type ActionRecord } from '../../model/action.ts';
import { Offset, type Partition } from '../../model/position.ts';
import type { FollowedBatch } from '../../ports/action-consumer.ts';
import type { TenuresAfter } from '../learn-tenures.ts';
import { CachedHead } from './cached-head.ts';
import { type ByteBudget, HeldRecords } from './held-records.ts';
import type { OffsetRange } from './offset-ranges.ts';

/** Why the cache does not know: its owner reads the log instead. */
export type Miss = 'limited' | 'undecodable' | 'behind' | 'timeout' | 'failed' | 'closed';

/**
 * What the cache knows of one key: its whole head between the replicated offset and `cut.end`,
 * which is at least the end that was asked for, or where the records of that head are to be read.
 */
export type CacheAnswer =
  | { readonly type: 'held'; readonly cut: Cut; readonly head: Head }
  | {
      readonly type: 'ranges';
      readonly cut: Cut;
      /** The state before the first range. */
      readonly head: Head;
      readonly ranges: readonly OffsetRange[];
      /** Records of the key in the ranges that do not count. */
      readonly voids: ReadonlySet<Offset>;
    }
  | { readonly type: 'unknown'; readonly miss: Miss };

/** What one partition may keep. */
export interface PartitionLimits {
  /** Journals with unreplicated records that one partition keeps. */
  readonly maxIds: number;
  readonly budget: ByteBudget;
}

interface Waiter {
  readonly id: string;
  readonly end: Offset;
  readonly settle: (answer: CacheAnswer) => void;
}

/**
 * A cache that lags by more offsets takes longer to catch up than a pass over the log for one key.
 */
const maxLag = 10_000;

/** What a held append costs besides its value: its objects and its place in three lists. */
const recordOverheadBytes = 400;

/**
 * The heads of all journals of one partition, as far as they are not replicated. Everything between
 * the replicated offset and `next` has been seen:
 *
 * ```
 *            R                       next
 *   ─────────┼───────── seen ─────────┼──── not yet ────▶ log
 *    forgotten
 * ```
 */
export class PartitionCache {
  readonly #partition: Partition;
  readonly #limits: PartitionLimits;
  /** By the offset of the last record, ascending. */
  readonly #heads = new Map<string, CachedHead>();
  readonly #held: HeldRecords;
  readonly #waiting = new Set<Waiter>();
  #replicated: Offset | undefined;
  #next: Offset | undefined;
  #tenures: TenuresAfter = { tenures: new Tenures(), replicated: undefined };
  /** Journals whose last record is above this offset were never dropped for want of room. */
  #droppedUpTo = -1;
  #failing = false;
  #closed = false;

  constructor(partition: Partition, limits: PartitionLimits) {
    this.#partition = partition;
    this.#limits = limits;
    this.#held = new HeldRecords(limits.budget);
  }

  get ids(): number {
    return this.#heads.size;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  get replicated(): Offset | undefined {
    return this.#replicated;
  }

  /** Something is kept that the replicated offset may let go. */
  get keepsSomething(): boolean {
    return this.#heads.size > 0 || this.#droppedUpTo > (this.#replicated ?? -1);
  }

  /** Where to follow on; `undefined` before {@link start}. */
  get next(): Offset | undefined {
    return this.#next;
  }

  /**
   * What the records from {@link next} on are judged by. It is another object when `next` has left
   * records out.
   */
  get tenures(): TenuresAfter {
    return this.#tenures;
  }

  /** The head of a key as it was last seen, for a look without a question. */
  peek(id: string): CachedHead | undefined {
    return this.#heads.get(id);
  }

  /** Everything up to and including `replicated` is in the store; what follows will be added. */
  start(replicated: Offset | undefined): void {
    this.#failing = false;
    if (this.#next === undefined) this.#beginAfter(replicated);
    if (replicated !== undefined) this.remove(replicated);
    this.#settleWaiting();
  }

  /** The answer, or `undefined` while `end` has not been reached. */
  ask(id: string, end: Offset): CacheAnswer | undefined {
    if (this.#closed) return { type: 'unknown', miss: 'closed' };
    const next = this.#next;
    const replicated = this.#replicated;
    if (next === undefined || next < end) {
      if (this.#failing) return { type: 'unknown', miss: 'failed' };
      const isLagging = next !== undefined && end - next > maxLag;
      return isLagging ? { type: 'unknown', miss: 'behind' } : undefined;
    }
    const cached = this.#heads.get(id) ?? new CachedHead(next, this.#droppedUpTo);
    const miss = cached.unknownAt(replicated);
    if (miss !== undefined) return { type: 'unknown', miss };
    const cut: Cut = { end: { partition: this.#partition, offset: next }, replicated };
    const head = cached.headAt(replicated);
    if (cached.isHeld) return { type: 'held', cut, head };
    const ranges = cached.rangesAt(replicated);
    return { type: 'ranges', cut, head, ranges, voids: cached.voids };
  }

  /** Calls `settle` when the answer is there; the function returned ends the wait without one. */
  wait(id: string, end: Offset, settle: (answer: CacheAnswer) => void): () => void {
    const waiter = { id, end, settle };
    this.#waiting.add(waiter);
    return () => this.#waiting.delete(waiter);
  }

  /**
   * The next records of the partition, whose {@link tenures} were learned before. Those that were
   * seen before, or are replicated, change nothing.
   */
  add({ records, undecodable, next }: FollowedBatch): void {
    const from = this.#next ?? Offset.min;
    const broken = undecodable.values();
    let bad = broken.next().value;
    for (const record of records) {
      for (; bad !== undefined && bad.offset < record.at.offset; bad = broken.next().value) {
        if (bad.offset >= from) this.#headOf(bad.id, bad.offset).addUndecodable(bad.offset);
      }
      if (record.at.offset >= from) this.#add(record);
    }
    for (; bad !== undefined; bad = broken.next().value) {
      if (bad.offset >= from) this.#headOf(bad.id, bad.offset).addUndecodable(bad.offset);
    }
    this.#next = next > from ? next : from;
    this.#settleWaiting();
    // Beyond the limit the journals go whose last record is the oldest.
    for (const [id, cached] of this.#heads) {
      if (this.#heads.size <= this.#limits.maxIds) return;
      this.#drop(id, cached);
      this.#droppedUpTo = cached.last;
    }
  }

  #add(record: ActionRecord): void {
    const { action, at } = record;
    const verdict = this.#judge(record);
    if (action.header.type === 'mark') return;
    if (verdict === 'void') {
      this.#heads.get(action.key.id)?.addVoid(at.offset);
      return;
    }
    if (verdict === 'refused') {
      this.#headOf(action.key.id, at.offset).addUndecodable(at.offset);
      return;
    }
    const cached = this.#headOf(action.key.id, at.offset);
    const { epoch, held } = cached;
    const isAppend = Action.isAppend(action);
    const bytes = isAppend ? recordOverheadBytes + action.value.length : 0;
    // A copy of the bytes: a view of the log's answer would keep the whole answer in memory.
    const kept = isAppend
      ? { action: { ...action, value: new Uint8Array(action.value) }, at }
      : record;
    const isHeld = cached.add(kept, bytes);
    if (cached.epoch !== epoch) this.#held.released(held);
    if (isHeld) this.#held.push(cached, at.offset, bytes);
  }

  /** Refused = a read of the log will say why. */
  #judge(record: ActionRecord): TenureVerdict | 'refused' {
    try {
      return this.#tenures.tenures.judge(record);
    } catch {
      return 'refused';
    }
  }

  /** The head of the key, which becomes the youngest of all. */
  #headOf(id: string, offset: Offset): CachedHead {
    let cached = this.#heads.get(id);
    if (cached === undefined) cached = new CachedHead(offset, this.#droppedUpTo);
    else this.#heads.delete(id);
    this.#heads.set(id, cached);
    return cached;
  }

  #drop(id: string, cached: CachedHead): void {
    this.#heads.delete(id);
    const { held } = cached;
    cached.release();
    this.#held.released(held);
  }

  /** The store has everything up to and including `replicated`. */
  remove(replicated: Offset): void {
    if (this.#replicated !== undefined && this.#replicated >= replicated) return;
    this.#replicated = replicated;
    this.#held.forget(replicated);
    for (const [id, cached] of this.#heads) {
      if (cached.last > replicated) break;
      this.#drop(id, cached);
    }
    if (this.#next === undefined || this.#next > replicated) return;
    this.#beginAfter(replicated);
    this.#settleWaiting();
  }

  /** Nothing that is at or before `replicated` was or will be seen. */
  #beginAfter(replicated: Offset | undefined): void {
    this.#next = replicated === undefined ? Offset.min : Offset.next(replicated);
    this.#tenures = { tenures: new Tenures(), replicated };
  }

  /**
   * Nothing comes for now: who waits is told at once, and so is who asks for more than was seen.
   */
  fail(): void {
    this.#failing = true;
    this.#settleAll('failed');
  }

  /** The records seen do not join up with those to come: everything is forgotten. */
  reset(): void {
    this.#heads.clear();
    this.#held.clear();
    this.#next = undefined;
    this.#replicated = undefined;
    this.#droppedUpTo = -1;
  }

  close(): void {
    this.#closed = true;
    this.#settleAll('closed');
    this.reset();
  }

  #settleAll(miss: Miss): void {
    for (const waiter of this.#waiting) waiter.settle({ type: 'unknown', miss });
    this.#waiting.clear();
  }

  #settleWaiting(): void {
    for (const waiter of this.#waiting) {
      const answer = this.ask(waiter.id, waiter.end);
      if (answer === undefined) continue;
      this.#waiting.delete(waiter);
      waiter.settle(answer);
    }
  }
}
