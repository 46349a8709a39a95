import { Action, type ActionRecord, type AppendRecord } from '../model/action.ts';
import type { Offset, PartitionOffset } from '../model/position.ts';
import { SeqNr } from '../model/seq-nr.ts';
import { applyAction, type Effect } from './apply-action.ts';
import { Life } from './life.ts';

interface DeleteStep {
  readonly deleteTo: SeqNr;
  readonly at: PartitionOffset;
}

type Step = AppendRecord | DeleteStep;

/** A purge that counts only if the last action before it is at `onlyAt`. */
interface ConditionalPurge {
  readonly onlyAt: Offset;
  readonly at: Offset;
}

/**
 * The unreplicated records of one journal that still count, in offset order
 * (docs/format.md#reading):
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
  /** As far as the records show: what the store has of it is added by {@link fold}. */
  #life = Life.unseen;
  #purgedAt: Offset | undefined;
  /**
   * Conditional purges that come before every other action: the store's row decides whether they
   * count.
   */
  #undecided: ConditionalPurge[] = [];
  #steps: Step[] = [];

  /** A head that begins after the purge at `purgedAt`; without one, an empty head. */
  static afterPurge(purgedAt: Offset | undefined): Head {
    const head = new Head();
    if (purgedAt !== undefined) head.#restart(purgedAt);
    return head;
  }

  /** The store's part of the journal is dead. */
  get purged(): boolean {
    return this.#purgedAt !== undefined;
  }

  /** Offset of the purge after which the current generation began. */
  get purgedAt(): Offset | undefined {
    return this.#purgedAt;
  }

  /** Offsets of which one must be that of the store's row for the purge to count. */
  get conditions(): readonly Offset[] {
    return this.#undecided.map(({ onlyAt }) => onlyAt);
  }

  /**
   * Takes the next record and answers what it did. After `purged` everything before it is
   * forgotten.
   */
  add(record: ActionRecord): Effect {
    const { at } = record;
    const { header } = record.action;
    if (Action.isAppendRecord(record)) return this.#apply(record);
    if (header.type === 'delete') return this.#apply({ deleteTo: header.to, at });
    const [, effect] = applyAction(this.#life, header, at.offset);
    if (effect.type === 'purged') this.#restart(at.offset);
    // Of purges with one condition the first is enough: it changes nothing, or leaves nothing to
    // purge.
    if (effect.type === 'undecided' && !this.conditions.includes(effect.onlyAt)) {
      this.#undecided.push({ onlyAt: effect.onlyAt, at: at.offset });
    }
    return effect;
  }

  #apply(step: Step): Effect {
    const [life, effect] = applyStep(this.#life, step);
    this.#life = life;
    if (effect.type === 'void') return effect;
    const before = this.#steps.at(-1);
    // Of deletes that follow each other the highest is enough: nothing was appended between.
    if (before !== undefined && 'deleteTo' in before && 'deleteTo' in step) {
      const deleteTo = SeqNr.greaterOf(step.deleteTo, before.deleteTo);
      this.#steps.splice(-1, 1, { deleteTo, at: step.at });
    } else this.#steps.push(step);
    return effect;
  }

  #restart(purgedAt: Offset): void {
    this.#life = Life.unborn(purgedAt);
    this.#purgedAt = purgedAt;
    this.#undecided = [];
    this.#steps = [];
  }

  /** Says whether one of the conditional purges counted, which the store's row shows. */
  settlePurge(counted: boolean): void {
    // The fold begins unborn then: deletes before the first append find nothing to delete.
    if (counted) this.#purgedAt = this.#undecided[0]?.at;
    this.#undecided = [];
  }

  /** Leaves out what is at or below `replicated`: the store has it by now. */
  forget(replicated: Offset): void {
    if (this.#purgedAt !== undefined && this.#purgedAt <= replicated) this.#purgedAt = undefined;
    this.#undecided = this.#undecided.filter(({ at }) => at > replicated);
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
    const head = new Head();
    head.#life = this.#life;
    head.#purgedAt = this.#purgedAt;
    return head;
  }

  /** The head holds an append at or before `offset` that ends with this number. */
  hasAppendTo(last: SeqNr, offset: Offset): boolean {
    return this.#steps.some(
      (step) =>
        'action' in step && step.at.offset <= offset && step.action.header.range.to === last,
    );
  }

  /** The first append of the current generation. */
  get firstAppend(): AppendRecord | undefined {
    return this.#steps.find((step) => 'action' in step);
  }

  /**
   * What the head comes to on top of the store.
   *
   * @param lastStored last number of the store; `undefined` while that is not known, or nothing is
   * stored
   * @param to offset of the last record that counts, inclusive; all unless given
   */
  fold(lastStored: SeqNr | undefined, to?: Offset): HeadFold {
    let life = this.purged ? Life.unborn(this.#purgedAt) : Life.upTo(lastStored);
    const appends: AppendRecord[] = [];
    const conflicts: Conflict[] = [];
    for (const step of this.#steps) {
      if (to !== undefined && step.at.offset > to) break;
      const [next, effect] = applyStep(life, step);
      life = next;
      if ('deleteTo' in step) continue;
      if (effect.type === 'taken') appends.push(step);
      else conflicts.push({ winner: appends.at(-1), loser: step });
    }
    return { appends, conflicts, last: life.last, deleteTo: life.deletedTo };
  }
}

function applyStep(life: Life, step: Step): readonly [Life, Effect] {
  const deed =
    'action' in step ? step.action.header : ({ type: 'delete', to: step.deleteTo } as const);
  return applyAction(life, deed, step.at.offset);
}

/** An append that loses. `winner` is `undefined` when the numbers are taken by the store. */
interface Conflict {
  readonly winner: AppendRecord | undefined;
  readonly loser: AppendRecord;
}

/** What the log's part adds to the store's. */
export interface HeadFold {
  /** Those that took their numbers, in offset order. */
  readonly appends: readonly AppendRecord[];
  readonly conflicts: readonly Conflict[];
  /** Highest number of the journal; `undefined` while neither store nor head has one. */
  readonly last: SeqNr | undefined;
  /** Everything up to and including this number is deleted, as far as the head knows. */
  readonly deleteTo: SeqNr | undefined;
}
