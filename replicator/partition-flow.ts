import { ClosedError } from '../src/model/errors.ts';
import type { LogRecord } from '../src/model/log-record.ts';
import { Offset } from '../src/model/position.ts';
import type { Logger } from '../src/observability/logger.ts';
import { type Backoff, backoffDelayMs } from '../src/runtime/retry.ts';
import { groupRecords, type PartitionSource } from './group-records.ts';
import {
  firstUnapplied,
  type HeldKey,
  type Problem,
  problemOf,
  remainingWork,
} from './held-work.ts';
import { KeyJournals } from './key-journals.ts';
import { type KeyRecords, replicateKey } from './replicate-records.ts';
import type { FlowParts } from './replicator-parts.ts';

/** How long a partition waits that cannot go on: for ever, but never longer than this at a time. */
export const heldBackoff: Backoff = { initialMs: 100, maxMs: 30_000 };

/** Records applied before the replicated offset is stored; also the most that are decoded at once. */
export const maxRecordsInRound = 10_000;

/**
 * Replicates one partition, in rounds:
 *
 *     records > R ─ group by key ─┬ key a ─ writes in order ─┐
 *                                 ├ key b ─ …                ├ all keys settled ─ store R ─ tell
 *                                 └ key c ─ …                ┘
 *
 * The replicated offset R moves only over records that are applied, so a crash anywhere repeats
 * work and never skips any. What cannot be applied (a store that is down, a record that cannot be
 * decoded) holds this partition with growing pauses for as long as it takes; R goes up to it.
 */
export class PartitionFlow {
  readonly #source: PartitionSource;
  readonly #parts: FlowParts;
  readonly #log: Logger;
  readonly #journals: KeyJournals;
  readonly #onStored: (next: Offset) => void;
  readonly #closing = new AbortController();
  #replicated: Offset | undefined;
  #work: Promise<void> = Promise.resolve();
  #appliedBelow = Offset.min;
  #isHeld = false;

  constructor(
    source: PartitionSource,
    parts: FlowParts,
    /** The replicated offset when the flow starts, and who is told the next one after each store. */
    start: { readonly replicated: Offset | undefined; readonly onStored: (next: Offset) => void },
  ) {
    this.#source = source;
    this.#parts = parts;
    this.#log = parts.log.child({ ...source });
    this.#journals = new KeyJournals(parts.store, { expireAfterMs: parts.cacheExpireAfterMs });
    this.#replicated = start.replicated;
    this.#onStored = start.onStored;
  }

  /**
   * Resolves when all records are applied and the offset is stored, or, after the write in hand of
   * each key, when the signal fires or the flow is closed. Calls must not overlap.
   */
  replicate(records: readonly LogRecord[], next: Offset, signal: AbortSignal): Promise<void> {
    const stopped = AbortSignal.any([signal, this.#closing.signal]);
    const work = this.#replicate(records, next, stopped);
    this.#work = work.catch(() => {});
    return work;
  }

  async #replicate(
    records: readonly LogRecord[],
    next: Offset,
    signal: AbortSignal,
  ): Promise<void> {
    for (let from = 0; from < records.length && !signal.aborted; from += maxRecordsInRound) {
      const to = from + maxRecordsInRound;
      const isWhole = from === 0 && to >= records.length;
      const round = isWhole ? records : records.slice(from, to);
      await this.#round(round, records[to]?.offset ?? next, signal);
    }
  }

  /** @param next everything below it is applied once these records are */
  async #round(records: readonly LogRecord[], next: Offset, signal: AbortSignal): Promise<void> {
    const after = this.#replicated ?? -1;
    const fresh = records.filter((record) => record.offset > after);
    let work = groupRecords(this.#source, fresh);
    for (let attempt = 1; ; attempt++) {
      const nowMs = this.#parts.clock.nowMs();
      const held = await this.#applyKeys(work.keys, { nowMs, signal });
      const left = { held, unreadable: work.unreadable };
      this.#appliedBelow = firstUnapplied(left) ?? next;
      this.#measure({ records: fresh.length, keys: work.keys.length, held: held.length, nowMs });
      if (signal.aborted) return;
      const store = await this.#storeOffset(nowMs);
      const problem = problemOf(left, store.error);
      if (problem === undefined) return this.#release();
      if (store.moved) attempt = 1;
      if (!(await this.#hold(problem, attempt, signal))) return;
      work = remainingWork(this.#source, left);
    }
  }

  /** Keys side by side under the process's bound; answers those that are not done, when all settled. */
  async #applyKeys(
    keys: readonly KeyRecords[],
    { nowMs, signal }: { readonly nowMs: number; readonly signal: AbortSignal },
  ): Promise<readonly HeldKey[]> {
    this.#journals.expire(nowMs);
    const parts = { journals: this.#journals, nowMs, signal };
    const units = keys.map((key) => this.#parts.pool.add(() => replicateKey(key, parts)));
    const settled = await Promise.allSettled(units);
    const held: HeldKey[] = [];
    for (const [index, unit] of settled.entries()) {
      const rest = keys[index];
      if (unit.status === 'fulfilled' && unit.value.type === 'held') held.push(unit.value);
      if (unit.status === 'rejected' && rest !== undefined) {
        held.push({ type: 'held', rest, reason: 'failed', error: unit.reason });
      }
    }
    return held;
  }

  /** Stores how far all is applied. Never rejects. */
  async #storeOffset(nowMs: number): Promise<StoredOffset> {
    const next = this.#appliedBelow;
    const offset = (next - 1) as Offset;
    if (offset <= (this.#replicated ?? -1)) return { moved: false };
    try {
      await this.#parts.store.saveOffset({ ...this.#source, offset }, nowMs);
    } catch (error) {
      return { moved: false, error };
    }
    this.#replicated = offset;
    this.#onStored(next);
    this.#notify(offset);
    return { moved: true };
  }

  #notify(offset: Offset): void {
    const { topic, partition } = this.#source;
    try {
      this.#parts.onReplicated?.(topic, partition, offset);
    } catch (err) {
      this.#log.error({ err, offset }, 'the listener of replicated offsets failed');
    }
  }

  /** Waits before the next try; answers false when it is time to stop instead. */
  async #hold(problem: Problem, attempt: number, signal: AbortSignal): Promise<boolean> {
    const retryInMs = backoffDelayMs(heldBackoff, attempt, this.#parts.random());
    const { message, ...fields } = problem;
    this.#log.error({ ...fields, attempt, retryInMs }, message);
    this.#isHeld = true;
    try {
      await this.#parts.clock.sleep(retryInMs, { signal });
      return !signal.aborted;
    } catch (error) {
      if (signal.aborted) return false;
      throw error;
    }
  }

  #release(): void {
    if (this.#isHeld) this.#log.info({}, 'partition goes on');
    this.#isHeld = false;
  }

  #measure(round: RoundFigures): void {
    const { nowMs, held, ...counts } = round;
    const durationMs = this.#parts.clock.nowMs() - nowMs;
    this.#parts.metrics?.roundEnded({ ...this.#source, ...counts, heldKeys: held, durationMs });
  }

  /** True from the first failure of a round until it is done: waiting, and trying again. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /**
   * Starts no further write, waits for those in hand and stores how far they got. Nothing is stored
   * for a partition that was lost: it belongs to another process already, which may be further.
   */
  async close({ isLost }: { readonly isLost: boolean }): Promise<void> {
    this.#closing.abort(new ClosedError('the partition was given up'));
    await this.#work;
    this.#journals.clear();
    if (isLost) return;
    const { error } = await this.#storeOffset(this.#parts.clock.nowMs());
    if (error !== undefined) this.#log.warn({ err: error }, 'replicated offset not stored');
  }
}

interface StoredOffset {
  readonly moved: boolean;
  readonly error?: unknown;
}

interface RoundFigures {
  readonly records: number;
  readonly keys: number;
  readonly held: number;
  readonly nowMs: number;
}
