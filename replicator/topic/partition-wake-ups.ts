import type { UnkeptRange } from '../../src/history/wake-ups.ts';
import { NotSetUpError } from '../../src/model/errors.ts';
import type { Offset } from '../../src/model/position.ts';
import { rebuildOf } from '../../src/model/wake-up.ts';
import type { CallOptions } from '../../src/ports/call-options.ts';
import type { ReplicatedJournal } from '../../src/ports/replicated-journal.ts';
import type { PartitionSource } from '../apply/quarantine.ts';

/** How far the wake-ups of a partition were complete, when its flow began. */
export interface WakeUpsStart {
  /** R, the replicated offset as it was claimed; `undefined` = nothing is replicated. */
  readonly replicated: Offset | undefined;
  /** As the store says it; `undefined` = nobody has kept them. */
  readonly wakeUpsUpTo: Offset | undefined;
}

/** What they are kept in. */
interface WakeUpsDeps {
  readonly source: PartitionSource;
  readonly store: ReplicatedJournal;
  /** Called when they are not complete any more: the store keeps none. */
  readonly onMissing: () => void;
}

/**
 * Says how far the wake-ups of one partition are complete, before R moves as far
 * (docs/format.md#wake-ups). The wake-ups themselves are stored key by key, before the rows that
 * the same records change.
 *
 * Where a replicator that keeps none has moved R, some are missing, and how far they are complete
 * does not move any more, until they are rebuilt: those of later records are stored all the same,
 * as hints.
 */
export class PartitionWakeUps {
  #keptUpTo: Offset | undefined;
  #areComplete: boolean;
  readonly #source: PartitionSource;
  readonly #store: ReplicatedJournal;
  readonly #onMissing: () => void;
  /** As far as this flow has stored it. */
  #upTo: Offset | undefined;
  /** Nothing is replicated, and nothing was stored of this topic. */
  #isFirst: boolean;

  constructor(
    { replicated, wakeUpsUpTo }: WakeUpsStart,
    { source, store, onMissing }: WakeUpsDeps,
  ) {
    this.#source = source;
    this.#store = store;
    this.#onMissing = onMissing;
    this.#keptUpTo = wakeUpsUpTo;
    this.#areComplete = replicated === undefined || (wakeUpsUpTo ?? -1) >= replicated;
    // As with W: what was stored beyond R may have been lowered since, by a late call of a former
    // owner, or is of an earlier topic of that name.
    this.#upTo = replicated;
    this.#isFirst = replicated === undefined;
  }

  /** All of them are known as far as R. */
  get areComplete(): boolean {
    return this.#areComplete;
  }

  /**
   * Whether an operator has asked to rebuild those that are missing. A request is never removed: it
   * names the R of its time, and asks for nothing once they are complete up to there.
   *
   * @throws {StoreUnavailableError} retryable
   */
  async isRebuildAsked(options: CallOptions): Promise<boolean> {
    const { topic, partition } = this.#source;
    const asked = await this.#store.wakeUpsUpTo(rebuildOf(topic), partition, options);
    return (asked ?? -1) > (this.#keptUpTo ?? -1);
  }

  /**
   * From now on all are stored, also where the tables were missing when the partition was claimed.
   * Answers of which part some are missing. Call it between two rounds.
   *
   * @param replicated R
   * @throws {StoreUnavailableError} retryable
   */
  async beginRebuild(replicated: Offset, options: CallOptions): Promise<UnkeptRange> {
    const { topic, partition } = this.#source;
    const after = (await this.#store.wakeUpsUpTo(topic, partition, options)) ?? -1;
    return { after, upTo: replicated };
  }

  /**
   * Those of the part that was missing are stored. Call it between two rounds.
   *
   * A store whose tables are missing, or were for a moment, drops what it cannot keep, and says
   * nothing. So what it has is read back.
   *
   * @param replicated R
   * @throws {NotSetUpError} it does not say that they are complete up to R; nothing is lost by
   *   another rebuild
   * @throws the errors of `ReplicatedJournal.saveWakeUps`; may be repeated
   */
  async endRebuild(
    replicated: Offset,
    { nowMs, ...options }: CallOptions & { readonly nowMs: number },
  ): Promise<void> {
    const { topic, partition } = this.#source;
    await this.#store.saveWakeUps({ topic, partition, upTo: replicated }, nowMs);
    const upTo = await this.#store.wakeUpsUpTo(topic, partition, options);
    if ((upTo ?? -1) < replicated) throw new NotSetUpError(notKept);
    this.#upTo = replicated;
    this.#areComplete = true;
  }

  /**
   * Moves it, unless it is there already; call it before R moves as far, once the wake-ups of all
   * records up to there are stored. A store that lacks the tables has dropped some of them: then it
   * moves no more until they are rebuilt, as where another program keeps none.
   *
   * @throws the errors of `ReplicatedJournal.saveWakeUps`; the next call repeats it
   */
  async save(upTo: Offset, nowMs: number): Promise<void> {
    if (!this.#areComplete || upTo <= (this.#upTo ?? -1)) return;
    const isFirst = this.#isFirst;
    const isKept = await this.#store.saveWakeUps({ ...this.#source, upTo, isFirst }, nowMs);
    this.#isFirst = false;
    if (isKept) {
      this.#upTo = upTo;
      return;
    }
    this.#keptUpTo = this.#upTo;
    this.#areComplete = false;
    this.#onMissing();
  }
}

const notKept =
  'the store does not keep wake-ups: its tables are missing, or were while they were rebuilt. Run ' +
  'kafka-journal setup --config FILE; the rebuild begins again by itself';
