import { ClosedError, FencedError } from '../../src/model/errors.ts';
import { Offset } from '../../src/model/position.ts';
import type { Logger } from '../../src/observability/logger.ts';
import type { BlockedStretch, Ownership } from '../../src/ports/topic-consumer.ts';
import { type Backoff, backoffDelayMs } from '../../src/runtime/retry.ts';
import { settleBoth } from '../../src/runtime/waiting.ts';
import { KeyJournals } from '../apply/key-journals.ts';
import type { PartitionSource } from '../apply/quarantine.ts';
import { type KeyOutcome, replicateKey } from '../apply/replicate-records.ts';
import type { FlowDeps } from '../replicator-deps.ts';
import { type PartitionStart, PartitionTenures } from './partition-tenures.ts';
import { PartitionWakeUps } from './partition-wake-ups.ts';
import {
  firstHeld,
  type HeldWork,
  nextTry,
  type Problem,
  type StoredOffset,
  verdictOn,
  verdictOnBlocked,
  type Work,
  workOf,
} from './partition-work.ts';
import { type FlowBatch, roundsOf } from './rounds.ts';
import { Lane } from './work-in-flight.ts';

/** A held partition tries again for ever, with pauses that grow up to this. */
export const heldBackoff: Backoff = { initialMs: 100, maxMs: 30_000 };

const fencedMessage =
  'partition dropped, nothing more is written: another process moved its replicated offset or took it over. ' +
  'Either this one stood still for longer than its session, or two groups replicate the topic';

/** What work between two rounds has. */
export interface FlowTurn {
  readonly journals: KeyJournals;
  /** R. */
  readonly replicated: Offset;
  /** As that of a round. */
  readonly mayWrite: () => boolean;
  readonly signal: AbortSignal;
}

/** Where a flow begins, and whom it reports to. */
export interface FlowStart extends PartitionStart {
  /** Called after each store of the replicated offset with the offset after it. */
  readonly onStored: (next: Offset) => void;
  /** Called when the store turns out to have no tables for wake-ups. */
  readonly onWakeUpsMissing: () => void;
}

/**
 * How a flow ends: `given up` = in order, what is applied still counts; `lost` = another process
 * owns the partition already and may be further, so nothing more is stored.
 */
export type FlowEnd = 'given up' | 'lost';

/**
 * Replicates one partition, in rounds of at most 10,000 records after R, the replicated offset:
 *
 *     records ─ judged, sorted by key ─┬ key a ─ writes in order ─┐   all keys    W        R
 *                                      ├ key b ─ …                ├─ settled ─ stored ─ stored
 *                                      └ key c ─ …                ┘
 *
 * The writes of a key begin with its wake-up, if its records change it, and how far the wake-ups of
 * the partition are complete is stored beside W (see `PartitionWakeUps`).
 *
 * Judging leaves out void actions. It also collects opening marks, which are stored with W before R
 * moves over them (see `PartitionTenures`). Of records up to R nothing else is wanted.
 *
 * The states of a round:
 *
 *     sorting ──► applying ──► storing W, R ──► deciding ── nothing is held ────────────────► done
 *        ▲                                         ├─────── R has moved for an early purge, or
 *        │                                         │        the quarantine took a record: ──►
 *        │                                         │        sorting what is left
 *        │                                         └─────── something is held ──► holding
 *        └─────────────────────────────────── pause over ────────────────────────────┘
 *
 * What happens when               while sorting, applying, storing  while holding
 *
 *     the store is asked for      nothing that was to be judged is  asked again
 *     tenures and fails           applied, R goes up to it
 *     a store's call fails        its key is held, the others end;  tried again: only that key,
 *                                 R goes up to it                   from its first record
 *     a record is undecodable,    the same, held at that record     the quarantine is asked
 *     or names a tenure that                                        again
 *     was never opened
 *     storing W fails             nothing is held but W and R       only W and R are stored again
 *     storing R fails             nothing is held but R             only R is stored again
 *     revoked, or the program     each key ends its write in hand   the pause ends
 *     stops                       and starts none; the round is left; `close` stores W and R
 *     lost                        the same, but neither is stored
 *     fenced                      the same, and the flow rejects with `FencedError`
 *
 * R moves only over records that are applied, or written down in the quarantine, or void. So a
 * crash anywhere repeats work and skips none, and a round that was left is the last one of its
 * flow.
 *
 * A process that was replaced without knowing it must write nothing more. So the flow asks before
 * every write whether the partition is still ours, and R moves only from where this flow left it.
 * A partition of which nothing is replicated has no R to claim, and its first round has one record:
 * if two owners begin at once, both apply the same, whichever stores R (ADR 29). Opening marks are
 * facts: a process that was replaced may store them again. Its W loses against the one that this
 * flow stores before it moves R.
 */
export class PartitionFlow {
  readonly #source: PartitionSource;
  readonly #deps: FlowDeps;
  readonly #log: Logger;
  readonly #lane = new Lane();
  readonly #journals: KeyJournals;
  readonly #tenures: PartitionTenures;
  readonly #wakeUps: PartitionWakeUps;
  readonly #onStored: (next: Offset) => void;
  readonly #closing = new AbortController();
  #isOwned: Ownership = () => true;
  /** R as this flow knows it. */
  #replicated: Offset | undefined;
  /** All before it is applied. */
  #appliedBelow = Offset.min;
  #running: Promise<void> = Promise.resolve();
  /** A round was left undone: R must not move over it, so nothing after it is applied. */
  #hasLeftOff = false;
  #isHeld = false;
  #isFenced = false;

  constructor(source: PartitionSource, deps: FlowDeps, start: FlowStart) {
    this.#source = source;
    this.#deps = deps;
    this.#log = deps.log.child({ ...source });
    this.#journals = new KeyJournals(deps.store, { expireAfterMs: deps.cacheExpireAfterMs });
    this.#tenures = new PartitionTenures(start, { source, store: deps.store });
    this.#wakeUps = new PartitionWakeUps(start, {
      source,
      store: deps.store,
      onMissing: start.onWakeUpsMissing,
    });
    this.#replicated = start.replicated;
    this.#onStored = start.onStored;
  }

  /** The first offset wanted; `undefined` = the oldest record. */
  get from(): Offset | undefined {
    const { after } = this.#tenures;
    return after === undefined ? undefined : Offset.next(after);
  }

  get wakeUps(): PartitionWakeUps {
    return this.#wakeUps;
  }

  /** True from the first failure of a round until it is done: waiting, or trying again. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** True when another process owns the partition: nothing may be committed for it either. */
  get isFenced(): boolean {
    return this.#isFenced;
  }

  /**
   * Resolves when all records are applied and R is stored; or earlier, when the signal fires, the
   * flow is closed or the partition is not ours any more, once the write in hand of each key has
   * settled. Calls must not overlap.
   *
   * @throws {FencedError} another process owns the partition: the flow has ended
   */
  replicate(batch: FlowBatch, signal: AbortSignal): Promise<void> {
    this.#isOwned = batch.isOwned ?? this.#isOwned;
    return this.#run(async (stopped) => {
      for (const round of roundsOf(batch, this.#replicated === undefined)) {
        if (this.#hasLeftOff) return;
        this.#hasLeftOff = true;
        this.#hasLeftOff = !(await this.#round(round, stopped));
      }
    }, signal);
  }

  /**
   * The log cannot give what comes next: waits until the quarantine takes it. Ends early as
   * `replicate` does. Calls must not overlap.
   *
   * @throws {FencedError} another process owns the partition: the flow has ended
   */
  blocked(stretch: BlockedStretch, signal: AbortSignal): Promise<void> {
    this.#isOwned = stretch.isOwned ?? this.#isOwned;
    return this.#run(async (stopped) => {
      const deps = {
        quarantine: this.#deps.quarantine,
        source: this.#source,
        replicated: this.#replicated,
      };
      for (let attempt = 1; this.#mayWrite(stopped) && !this.#hasLeftOff; attempt++) {
        const { skipTo, problem } = await verdictOnBlocked(stretch, deps);
        if (skipTo !== undefined) {
          this.#appliedBelow = skipTo;
          const { error } = await this.#storeOffset(this.#deps.clock.nowMs());
          if (error === undefined) return this.#goOn();
        }
        if (!(await this.#hold(problem, attempt, stopped))) return;
      }
    }, signal);
  }

  /**
   * Runs work on the journals of the partition while no round runs.
   *
   * @returns false when the partition is given up, or nothing is replicated: nothing was done
   * @throws what the work throws
   */
  async betweenRounds(
    work: (turn: FlowTurn) => Promise<void>,
    signal: AbortSignal,
  ): Promise<boolean> {
    let isDone = false;
    await this.#run(async (stopped) => {
      const mayWrite = (): boolean => this.#mayWrite(stopped) && !this.#hasLeftOff;
      const replicated = this.#replicated;
      if (replicated === undefined || !mayWrite()) return;
      await work({ journals: this.#journals, replicated, mayWrite, signal: stopped });
      isDone = mayWrite();
    }, signal);
    return isDone;
  }

  /** One after the other. */
  #run(work: (stopped: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    const stopped = AbortSignal.any([signal, this.#closing.signal]);
    const running = this.#running.then(() => work(stopped));
    this.#running = running.catch(() => {});
    return running;
  }

  #mayWrite(stopped: AbortSignal): boolean {
    return !stopped.aborted && !this.#isFenced && this.#isOwned();
  }

  /** Answers false when it was left undone. */
  async #round(batch: FlowBatch, stopped: AbortSignal): Promise<boolean> {
    const { clock, quarantine, storeName } = this.#deps;
    const after = this.#replicated ?? -1;
    this.#tenures.look(batch.records.filter((record) => record.offset <= after));
    const records = batch.records.filter((record) => record.offset > after);
    const deps = { quarantine, source: this.#source, records, storeName };
    const sortDeps = { source: this.#source, tenures: this.#tenures, signal: stopped };
    // Sorting.
    let work = await workOf(records, sortDeps);
    for (let attempt = 1; ; attempt++) {
      const nowMs = clock.nowMs();
      // Applying.
      const held = await this.#apply(work, nowMs, stopped);
      this.#appliedBelow = firstHeld(held) ?? batch.nextOffset;
      const { endOffset } = batch;
      const lag = endOffset === undefined ? undefined : Math.max(0, endOffset - this.#appliedBelow);
      const counts = {
        records: records.length,
        keys: work.keys.length,
        heldKeys: held.keys.length,
      };
      this.#log.debug({ ...counts, durationMs: clock.nowMs() - nowMs, lag }, 'round');
      if (!this.#mayWrite(stopped)) return false;
      // Storing W and R, as far as all is applied.
      const stored = await this.#storeOffset(nowMs);
      // Deciding. A round that comes forward begins with short pauses again.
      const verdict = await verdictOn(held, stored, deps);
      if (verdict.type === 'again' || stored.hasMoved) attempt = 1;
      if (verdict.type === 'done') {
        this.#goOn();
        return true;
      }
      // Holding.
      if (verdict.type === 'wait' && !(await this.#hold(verdict.problem, attempt, stopped))) {
        return false;
      }
      // Sorting what is left.
      work = await nextTry(verdict.rest, sortDeps);
    }
  }

  /**
   * Keys side by side, as many as the process may have in flight. Answers what is held, once every
   * key has settled: a key that fails does not disturb the others.
   */
  async #apply(work: Work, nowMs: number, stopped: AbortSignal): Promise<HeldWork> {
    const journals = this.#journals;
    journals.expire(nowMs);
    const mayWrite = (): boolean => this.#mayWrite(stopped);
    const replicated = this.#replicated;
    const deps = { journals, replicated, nowMs, signal: stopped, mayWrite };
    const outcomes = await Promise.all(
      work.keys.map((key) =>
        this.#deps.inFlight
          .run(this.#lane, () => replicateKey(key, deps))
          // Only a bug makes it reject: that key must not count as applied.
          .catch((error): KeyOutcome => ({ type: 'held', rest: key, reason: 'failed', error })),
      ),
    );
    const keys = outcomes.filter((outcome) => outcome.type === 'held');
    const { tail } = work;
    const fenced = [...keys, tail].find((held) => held?.error instanceof FencedError);
    if (fenced !== undefined) throw this.#fence(fenced.error);
    return { keys, tail };
  }

  /**
   * Moves W and how far the wake-ups are complete, then R, up to what is applied, and says so to
   * those who listen. Who reads R finds all opening marks and wake-ups up to it.
   *
   * @returns `error` when the store failed. R may have moved all the same: the next try settles it
   * @throws {FencedError} and nothing else
   */
  async #storeOffset(nowMs: number): Promise<StoredOffset> {
    const { topic, partition } = this.#source;
    const next = this.#appliedBelow;
    const offset = (next - 1) as Offset;
    const after = this.#replicated;
    try {
      // Both, also when one fails: the next try must not meet them.
      await settleBoth(this.#tenures.save(offset, nowMs), this.#wakeUps.save(offset, nowMs));
      if (offset <= (after ?? -1) || !this.#isOwned()) return { hasMoved: false };
      await this.#deps.store.saveOffset({ topic, partition, offset, after }, nowMs);
    } catch (error) {
      if (error instanceof FencedError) throw this.#fence(error);
      return { hasMoved: false, error };
    }
    this.#replicated = offset;
    this.#onStored(next);
    try {
      this.#deps.onReplicated?.(topic, partition, offset);
    } catch (err) {
      this.#log.error({ err, offset }, 'the listener of replicated offsets failed');
    }
    return { hasMoved: true };
  }

  /** The end of this flow. Several keys may find it out; people are told once. */
  #fence(error: unknown): unknown {
    if (!this.#isFenced)
      this.#log.error({ replicated: this.#replicated, err: error }, fencedMessage);
    this.#isFenced = true;
    this.#closing.abort(error);
    this.#journals.clear();
    return error;
  }

  /** Says what the problem is and waits; answers false when it is time to stop instead. */
  async #hold(problem: Problem, attempt: number, stopped: AbortSignal): Promise<boolean> {
    const { clock, random } = this.#deps;
    const retryInMs = backoffDelayMs(heldBackoff, attempt, random());
    const { message, ...fields } = problem;
    this.#log.error({ ...fields, attempt, retryInMs }, message);
    this.#isHeld = true;
    try {
      await clock.sleep(retryInMs, { signal: stopped });
    } catch (error) {
      if (!stopped.aborted) throw error;
    }
    return !stopped.aborted;
  }

  #goOn(): void {
    if (this.#isHeld) this.#log.info({}, 'partition goes on');
    this.#isHeld = false;
  }

  /**
   * Starts no further write, waits for those in hand and, unless the partition is lost, stores how
   * far they got. An R that did not move is stored once more after writes: its time says to the
   * next owner how new they are (ADR 29). Never rejects: an R that was not stored makes the next
   * owner repeat work.
   */
  async close(end: FlowEnd): Promise<void> {
    this.#closing.abort(new ClosedError('the partition was given up'));
    await this.#running;
    this.#journals.clear();
    if (end === 'lost' || this.#isFenced || !this.#isOwned()) return;
    try {
      const nowMs = this.#deps.clock.nowMs();
      const { hasMoved, error } = await this.#storeOffset(nowMs);
      if (error !== undefined) this.#log.warn({ err: error }, 'replicated offset not stored');
      const offset = this.#replicated;
      if (hasMoved || error !== undefined || !this.#hasLeftOff || offset === undefined) return;
      await this.#deps.store.saveOffset({ ...this.#source, offset, after: offset }, nowMs);
    } catch {
      // Fenced: that was said, and there is nothing left to end. Or an R that stays was not stored
      // again, which matters only where clocks differ.
    }
  }
}
