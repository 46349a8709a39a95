import { Action, type ActionRecord, type AppendAction } from '../model/action.ts';
import type { PartitionOffset } from '../model/position.ts';
import { SeqNr } from '../model/seq-nr.ts';

/** An append of the log and where it lies. */
export interface AppendRecord extends ActionRecord {
  readonly action: AppendAction;
}

type GenerationStep = AppendRecord | { readonly deleteTo: SeqNr; readonly at: PartitionOffset };

/**
 * The unreplicated records of one journal that still count, in offset order (docs/format.md#reading):
 *
 * ```
 *           R (replicated offset)                       end (marker)
 *   ───────┼─ append ── purge ── append ── delete ── append ┼──▶ log
 *    store │  └─ forgotten ─┘   └──── current generation ───┘
 * ```
 *
 * After a purge everything in the store is dead as well.
 */
export class Head {
  #purged = false;
  #steps: GenerationStep[] = [];

  /** The store's part of the journal is dead. */
  get purged(): boolean {
    return this.#purged;
  }

  add(record: ActionRecord): void {
    const { action, at } = record;
    if (Action.isAppend(action)) this.#steps.push({ action, at });
    else if (action.header.type === 'delete') this.#steps.push({ deleteTo: action.header.to, at });
    else if (action.header.type === 'purge') {
      this.#purged = true;
      this.#steps = [];
    }
  }

  /** The head holds an append at or before `offset`. */
  hasAppendUpTo(offset: number): boolean {
    return this.#steps.some((step) => 'action' in step && step.at.offset <= offset);
  }

  /**
   * What the steps come to on top of a store whose last number is `lastStored` (`undefined` while
   * that is not known, or nothing is stored).
   */
  fold(lastStored: SeqNr | undefined): HeadFold {
    const fold = new HeadFold(this.#purged ? undefined : lastStored);
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
    // A delete reaches what existed before it; where that was unknown the first append tells:
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
