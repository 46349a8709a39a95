import { ClosedError, FencedError } from '../../src/model/errors.ts';
import { Offset } from '../../src/model/position.ts';
import type { Logger } from '../../src/observability/logger.ts';
import type { BlockedStretch, Ownership, PartitionBatch } from '../../src/ports/topic-consumer.ts';
import { KeyJournals } from '../apply/key-journals.ts';
import { type KeyRecords, replicateKey } from '../apply/replicate-records.ts';
import type { FlowParts } from '../replicator-parts.ts';
import { type GroupedRecords, groupRecords, type PartitionSource } from './group-records.ts';
import {
  afterQuarantine,
  blockedBy,
  firstUnapplied,
  type HeldKey,
  type HeldWork,
  remainingWork,
} from './held-work.ts';
import { Holding } from './holding.ts';
import { Lane } from './work-in-flight.ts';

/** Records applied before the replicated offset is stored; also the most that are decoded at once. */
export const maxRecordsInRound = 10_000;

const fencedMessage =
  'partition dropped, nothing more is written: another process moved its replicated offset or took it over. ' +
  'Either this one stood still for longer than its session, or two groups replicate the topic';

/** What is replicated; the partition is the flow's own. */
export type FlowBatch = Omit<PartitionBatch, 'partition'>;

/**
 * Replicates one partition, in rounds:
 *
 *     records > R ─ group by key ─┬ key a ─ writes in order ─┐
 *                                 ├ key b ─ …                ├ all keys settled ─ store R ─ tell
 *                                 └ key c ─ …                ┘
 *
 * The replicated offset R moves only over records that are applied, or written down in the
 * quarantine, so a crash anywhere repeats work and never skips any. What cannot be applied holds
 * this partition with growing pauses for as long as it takes; R goes up to it.
 *
 * Before every write it asks whether the partition is still ours, and R moves only from where this
 * process left it: an owner that was replaced without knowing it writes nothing more. While nothing is
 * replicated there is no R to claim, so the first round has one record: two owners that both begin
 * apply the same, whoever stores R (ADR 29).
 */
export class PartitionFlow {
  readonly #source: PartitionSource;
  readonly #parts: FlowParts;
  readonly #log: Logger;
  readonly #lane = new Lane();
  readonly #holding: Holding;
  readonly #journals: KeyJournals;
  readonly #onStored: (next: Offset) => void;
  readonly #closing = new AbortController();
  #isOwned: Ownership = () => true;
  #replicated: Offset | undefined;
  #work: Promise<void> = Promise.resolve();
  #appliedBelow = Offset.min;
  #isFenced = false;
  /** A batch was left undone: R must not move over it, so nothing after it is applied. */
  #hasLeftOff = false;

  constructor(
    source: PartitionSource,
    parts: FlowParts,
    /** The replicated offset when the flow starts, and who is told the next one after each store. */
    start: { readonly replicated: Offset | undefined; readonly onStored: (next: Offset) => void },
  ) {
    const { clock, random } = parts;
    this.#source = source;
    this.#parts = parts;
    this.#log = parts.log.child({ ...source });
    this.#holding = new Holding({ log: this.#log, clock, random });
    this.#journals = new KeyJournals(parts.store, { expireAfterMs: parts.cacheExpireAfterMs });
    this.#replicated = start.replicated;
    this.#onStored = start.onStored;
  }

  /**
   * Resolves when all records are applied and the offset is stored, or, after the write in hand of
   * each key, when the signal fires, the flow is closed or the partition is not ours any more.
   * Calls must not overlap.
   *
   * @throws {FencedError} another process owns the partition: the flow has ended
   */
  replicate(batch: FlowBatch, signal: AbortSignal): Promise<void> {
    this.#isOwned = batch.isOwned ?? this.#isOwned;
    return this.#inHand((stopped) => this.#replicate(batch, stopped), signal);
  }

  /** Waits in front of what the log cannot give, until the quarantine takes it. @throws {FencedError} */
  blocked(stretch: BlockedStretch, signal: AbortSignal): Promise<void> {
    this.#isOwned = stretch.isOwned ?? this.#isOwned;
    return this.#inHand((stopped) => this.#waitInFront(stretch, stopped), signal);
  }

  #inHand(run: (stopped: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    const work = run(AbortSignal.any([signal, this.#closing.signal]));
    this.#work = work.catch(() => {});
    return work;
  }

  async #replicate(batch: FlowBatch, signal: AbortSignal): Promise<void> {
    const { records, nextOffset } = batch;
    let from = await this.#begin(batch, signal);
    for (; from < records.length && !this.#hasLeftOff; from += maxRecordsInRound) {
      const to = from + maxRecordsInRound;
      const isWhole = from === 0 && to >= records.length;
      const some = isWhole ? records : records.slice(from, to);
      const round = { ...batch, records: some, nextOffset: records[to]?.offset ?? nextOffset };
      await this.#tryRound(round, signal);
    }
  }

  /** The first round of a partition of which nothing is replicated; answers how many records it took. */
  async #begin(batch: FlowBatch, signal: AbortSignal): Promise<number> {
    const { records, nextOffset } = batch;
    const [first] = records;
    if (this.#replicated !== undefined || first === undefined || this.#hasLeftOff) return 0;
    const behind = Offset.next(first.offset);
    await this.#tryRound({ ...batch, records: [first], nextOffset: behind }, signal);
    // What follows a single record without being one, as the log's own marks.
    const isAlone = records.length === 1 && nextOffset > behind && !this.#hasLeftOff;
    if (isAlone) await this.#tryRound({ ...batch, records: [] }, signal);
    return 1;
  }

  async #tryRound(batch: FlowBatch, signal: AbortSignal): Promise<void> {
    this.#hasLeftOff = true;
    this.#hasLeftOff = !(await this.#round(batch, signal));
  }

  #mayWrite(signal: AbortSignal): boolean {
    return !signal.aborted && !this.#isFenced && this.#isOwned();
  }

  /** Answers false when it was left undone. */
  async #round(batch: FlowBatch, signal: AbortSignal): Promise<boolean> {
    const after = this.#replicated ?? -1;
    const records = batch.records.filter((record) => record.offset > after);
    let work = groupRecords(this.#source, records);
    for (let attempt = 1; ; attempt++) {
      const nowMs = this.#parts.clock.nowMs();
      const left = await this.#apply(work, { nowMs, signal });
      this.#appliedBelow = firstUnapplied(left) ?? batch.nextOffset;
      this.#measure(batch, { nowMs, records: records.length, keys: work.keys.length, left });
      if (!this.#mayWrite(signal)) return false;
      const store = await this.#storeOffset(nowMs);
      const round = { ...this.#parts, source: this.#source, records };
      const rest = await afterQuarantine(left, store.error, round);
      const { problem } = rest;
      if (rest.isShorter || store.moved) attempt = 1;
      if (!rest.isShorter) {
        if (problem === undefined) return this.#done();
        if (!(await this.#holding.wait(problem, attempt, signal))) return false;
      }
      work = remainingWork(this.#source, rest.left);
    }
  }

  #done(): true {
    this.#holding.release();
    return true;
  }

  /** Keys side by side under the process's bound; answers what is not done, when all settled. */
  async #apply(
    work: GroupedRecords,
    { nowMs, signal }: { readonly nowMs: number; readonly signal: AbortSignal },
  ): Promise<HeldWork> {
    this.#journals.expire(nowMs);
    const mayWrite = (): boolean => this.#mayWrite(signal);
    const parts = { journals: this.#journals, nowMs, signal, mayWrite };
    const units = work.keys.map((key) =>
      this.#parts.inFlight.run(this.#lane, () => replicateKey(key, parts)),
    );
    const held = heldOf(work.keys, await Promise.allSettled(units));
    const fenced = held.find(({ error }) => error instanceof FencedError);
    if (fenced !== undefined) throw this.#fence(fenced.error);
    return { held, unreadable: work.unreadable };
  }

  /** Stores how far all is applied. @throws {FencedError} and nothing else */
  async #storeOffset(nowMs: number): Promise<StoredOffset> {
    const next = this.#appliedBelow;
    const offset = (next - 1) as Offset;
    const after = this.#replicated;
    if (offset <= (after ?? -1)) return { moved: false };
    try {
      await this.#parts.store.saveOffset({ ...this.#source, offset, after }, nowMs);
    } catch (error) {
      if (error instanceof FencedError) throw this.#fence(error);
      return { moved: false, error };
    }
    this.#replicated = offset;
    this.#onStored(next);
    this.#notify(offset);
    return { moved: true };
  }

  /** The end of this flow; said once. */
  #fence(error: unknown): unknown {
    if (!this.#isFenced)
      this.#log.error({ replicated: this.#replicated, err: error }, fencedMessage);
    this.#isFenced = true;
    this.#closing.abort(error);
    this.#journals.clear();
    return error;
  }

  #notify(offset: Offset): void {
    const { topic, partition } = this.#source;
    try {
      this.#parts.onReplicated?.(topic, partition, offset);
    } catch (err) {
      this.#log.error({ err, offset }, 'the listener of replicated offsets failed');
    }
  }

  async #waitInFront(stretch: BlockedStretch, signal: AbortSignal): Promise<void> {
    for (let attempt = 1; this.#mayWrite(signal) && !this.#hasLeftOff; attempt++) {
      const { problem, isTaken } = await blockedBy(stretch, {
        ...this.#parts,
        source: this.#source,
      });
      if (isTaken && stretch.nextOffset !== undefined) {
        this.#appliedBelow = stretch.nextOffset;
        const { error } = await this.#storeOffset(this.#parts.clock.nowMs());
        if (error === undefined) return this.#holding.release();
      }
      if (!(await this.#holding.wait(problem, attempt, signal))) return;
    }
  }

  #measure(batch: FlowBatch, { nowMs, left, ...counts }: RoundFigures): void {
    const durationMs = this.#parts.clock.nowMs() - nowMs;
    const { endOffset } = batch;
    const lag = endOffset === undefined ? undefined : Math.max(0, endOffset - this.#appliedBelow);
    const figures = { ...counts, heldKeys: left.held.length, durationMs, lag };
    this.#log.debug(figures, 'round');
    this.#parts.metrics?.roundEnded({ ...this.#source, ...figures });
  }

  get isHeld(): boolean {
    return this.#holding.isHeld;
  }

  /** True when another process owns the partition: nothing may be committed for it either. */
  get isFenced(): boolean {
    return this.#isFenced;
  }

  /**
   * Starts no further write, waits for those in hand and stores how far they got. Nothing is stored
   * for a partition that was lost: it belongs to another process already, which may be further.
   */
  async close({ isLost }: { readonly isLost: boolean }): Promise<void> {
    this.#closing.abort(new ClosedError('the partition was given up'));
    await this.#work;
    this.#journals.clear();
    if (isLost || this.#isFenced || !this.#isOwned()) return;
    try {
      const { error } = await this.#storeOffset(this.#parts.clock.nowMs());
      if (error !== undefined) this.#log.warn({ err: error }, 'replicated offset not stored');
    } catch {
      // Fenced: it was said, and there is nothing left to end.
    }
  }
}

/** A unit never rejects by itself; one that does is held like one whose write failed. */
function heldOf(
  keys: readonly KeyRecords[],
  settled: readonly PromiseSettledResult<Awaited<ReturnType<typeof replicateKey>>>[],
): readonly HeldKey[] {
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

interface StoredOffset {
  readonly moved: boolean;
  readonly error?: unknown;
}

interface RoundFigures {
  readonly records: number;
  readonly keys: number;
  readonly left: HeldWork;
  readonly nowMs: number;
}
