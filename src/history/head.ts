import { Action, type ActionRecord, type AppendAction } from '../model/action.ts';
import type { Offset, PartitionOffset } from '../model/position.ts';
import { SeqNr } from '../model/seq-nr.ts';

/** An append of the log and where it lies. */
export interface AppendRecord extends ActionRecord {
  readonly action: AppendAction;
}

type GenerationStep = AppendRecord | { readonly deleteTo: SeqNr; readonly at: PartitionOffset };

/** A purge that counts only if the last action before it lies at `onlyAt`. */
interface ConditionalPurge {
  readonly onlyAt: Offset;
  readonly at: Offset;
}

/**
 * The unreplicated records of one journal that still count, in offset order (docs/format.md#reading):
 *
 * ```
 *           R (replicated offset)                       end
 *   ───────┼─ append ── purge ── append ── delete ── append ┼──▶ log
 *    store │  └─ forgotten ─┘   └──── current generation ───┘
 * ```
 *
 * After a purge everything in the store is dead as well.
 */
export class Head {
  #purgedAt: Offset | undefined;
  /** Conditional purges in front of every other action: the store's row decides whether they count. */
  #undecided: ConditionalPurge[] = [];
  #steps: GenerationStep[] = [];
  #lastAt: Offset | undefined;
  /** Nothing was appended since the purge: there is nothing to delete. */
  #isLifeless = false;

  /** A head that begins behind a purge; without one, an empty head. */
  static behindPurge(purgedAt: Offset | undefined): Head {
    const head = new Head();
    head.#purgedAt = purgedAt;
    head.#lastAt = purgedAt;
    head.#isLifeless = purgedAt !== undefined;
    return head;
  }

  /** The store's part of the journal is dead. */
  get purged(): boolean {
    return this.#purgedAt !== undefined;
  }

  /** Where the purge lies behind which the current generation began. */
  get purgedAt(): Offset | undefined {
    return this.#purgedAt;
  }

  /** Offsets of which one must be that of the store's row for the purge to count. */
  get conditions(): readonly Offset[] {
    return this.#undecided.map(({ onlyAt }) => onlyAt);
  }

  /** Answers true when the record is a purge that counts: everything before it is forgotten. */
  add(record: ActionRecord): boolean {
    const { action, at } = record;
    if (action.header.type === 'purge') return this.#purge(action.header.onlyAt, at.offset);
    if (Action.isAppend(action)) this.#append(action, at);
    else if (action.header.type === 'delete') this.#delete(action.header.to, at);
    return false;
  }

  #append(action: AppendAction, at: PartitionOffset): void {
    this.#steps.push({ action, at });
    this.#isLifeless = false;
    this.#lastAt = at.offset;
  }

  /** Of deletes that follow each other the highest is enough: nothing was appended between. */
  #delete(to: SeqNr, at: PartitionOffset): void {
    if (this.#isLifeless) return;
    this.#lastAt = at.offset;
    const before = this.#steps.at(-1);
    if (before === undefined || 'action' in before) this.#steps.push({ deleteTo: to, at });
    else this.#steps.splice(-1, 1, { deleteTo: SeqNr.greaterOf(to, before.deleteTo), at });
  }

  #purge(onlyAt: Offset | undefined, at: Offset): boolean {
    if (onlyAt !== undefined && onlyAt !== this.#lastAt) {
      if (this.#lastAt === undefined) this.#wait({ onlyAt, at });
      return false;
    }
    this.#isLifeless = true;
    this.#purgedAt = at;
    this.#lastAt = at;
    this.#steps = [];
    this.#undecided = [];
    return true;
  }

  /** Of purges with one condition the first is enough: it changes nothing, or leaves nothing to purge. */
  #wait(purge: ConditionalPurge): void {
    const known = this.#undecided.some(({ onlyAt }) => onlyAt === purge.onlyAt);
    if (!known) this.#undecided.push(purge);
  }

  /** Whether one of the conditional purges counted, as the store's row tells. */
  decide(counted: boolean): void {
    if (counted) {
      this.#purgedAt = this.#undecided[0]?.at;
      // Deletes that came before the next append found nothing to delete.
      const first = this.#steps.findIndex((step) => 'action' in step);
      this.#steps = first < 0 ? [] : this.#steps.slice(first);
    }
    this.#undecided = [];
  }

  /** Leaves out what lies at or below `replicated`: the store has it by now. */
  forget(replicated: Offset): void {
    const isLeft = ({ at }: { readonly at: Offset }): boolean => at > replicated;
    if (this.#purgedAt !== undefined && this.#purgedAt <= replicated) this.#purgedAt = undefined;
    if (this.#undecided.length > 0) this.#undecided = this.#undecided.filter(isLeft);
    while ((this.#steps[0]?.at.offset ?? Number.POSITIVE_INFINITY) <= replicated) {
      this.#steps.shift();
    }
  }

  /** Another head that goes its own way. */
  copy(): Head {
    const head = this.withoutSteps();
    head.#undecided = [...this.#undecided];
    head.#steps = [...this.#steps];
    return head;
  }

  /** The same state with its appends and deletes left out: they have to be read again. */
  withoutSteps(): Head {
    const head = Head.behindPurge(this.#purgedAt);
    head.#lastAt = this.#lastAt;
    head.#isLifeless = this.#isLifeless;
    return head;
  }

  /** The head holds an append at or before `offset`. */
  hasAppendUpTo(offset: number): boolean {
    return this.#steps.some((step) => 'action' in step && step.at.offset <= offset);
  }

  /** The first append of the current generation. */
  get firstAppend(): AppendRecord | undefined {
    return this.#steps.find((step) => 'action' in step);
  }

  /** The current generation was deleted from. */
  get hasDelete(): boolean {
    return this.#steps.some((step) => 'deleteTo' in step);
  }

  /**
   * What the steps come to on top of a store whose last number is `lastStored` (`undefined` while
   * that is not known, or nothing is stored).
   */
  fold(lastStored: SeqNr | undefined): HeadFold {
    const fold = new HeadFold(this.purged ? undefined : lastStored);
    for (const step of this.#steps) {
      if ('action' in step) fold.append(step);
      else fold.delete(step.deleteTo);
    }
    return fold;
  }
}

/** Appends that count, how far the head deletes, and which records lose against another writer's. */
export class HeadFold {
  readonly appends: AppendRecord[] = [];
  /** `winner` is `undefined` when the numbers are taken by the store. */
  readonly conflicts: { winner: AppendRecord | undefined; loser: AppendRecord }[] = [];
  #last: SeqNr | undefined;
  #deleteTo: SeqNr | undefined;

  constructor(lastStored: SeqNr | undefined) {
    this.#last = lastStored;
  }

  /** Everything up to and including this number is deleted, as far as the head knows. */
  get deleteTo(): SeqNr | undefined {
    return this.#deleteTo;
  }

  /** Highest number of the journal; `undefined` while neither store nor head has one. */
  get last(): SeqNr | undefined {
    return this.#last;
  }

  append(record: AppendRecord): void {
    const { from, to } = record.action.header.range;
    if (this.#last !== undefined && from <= this.#last) {
      this.conflicts.push({ winner: this.appends.at(-1), loser: record });
      return;
    }
    // A delete reaches what existed before it, be it nothing; where that was unknown the first append tells:
    // delete(10) after 1..3 hides nothing of 4..
    if (this.#deleteTo !== undefined && this.#deleteTo >= from) this.#deleteTo = SeqNr.prev(from);
    this.appends.push(record);
    this.#last = to;
  }

  delete(to: SeqNr): void {
    const reached = this.#last === undefined ? to : SeqNr.lesserOf(to, this.#last);
    this.#deleteTo = SeqNr.greaterOf(reached, this.#deleteTo);
  }
}
