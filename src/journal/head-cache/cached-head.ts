import { Head } from '../../history/head.ts';
import { Action, type ActionRecord } from '../../model/action.ts';
import type { Offset, PartitionOffset } from '../../model/position.ts';
import type { SeqNr } from '../../model/seq-nr.ts';
import type { ConflictingClaims } from '../conflicts.ts';
import { OffsetRanges } from './offset-ranges.ts';

/** An append as the cache saw it: which numbers it claims, and for whom. */
export interface AppendClaim {
  readonly at: PartitionOffset;
  readonly origin: string | undefined;
  /** Its first number. */
  readonly from: SeqNr;
}

/** More void records of one journal are not remembered. */
const maxVoids = 64;
const noVoids: ReadonlySet<Offset> = new Set();

/** Records that are held, and what that costs. */
export interface Held {
  readonly records: number;
  readonly bytes: number;
}

const nothingHeld: Held = { records: 0, bytes: 0 };

/**
 * What the cache knows of one journal: its head, folded record by record, with the records
 * themselves; once these were given up, only where they are.
 */
export class CachedHead {
  #head = new Head();
  readonly #ranges = new OffsetRanges();
  #isHeld = true;
  #held = nothingHeld;
  /** How often the records were given up: what was held in an earlier epoch is held no more. */
  epoch = 0;
  /** Offset of the last record. */
  last: Offset;
  /** Records at or below may have been seen and dropped, so the head is not whole. */
  #unknownUpTo: number;
  #undecodableAt: Offset | undefined;
  /** Void records after the first one that counts; oldest first. */
  #voids: Offset[] = [];
  /** Void records at or below are not remembered. */
  #voidsUnknownUpTo = -1;
  #highestClaim: AppendClaim | undefined;
  #conflict: ConflictingClaims | undefined;

  constructor(last: Offset, unknownUpTo: number) {
    this.last = last;
    this.#unknownUpTo = unknownUpTo;
  }

  /**
   * The append of the generation that begins highest: whether it took its numbers or lost, they are
   * taken.
   */
  get highestClaim(): AppendClaim | undefined {
    return this.#highestClaim;
  }

  /**
   * The last record of the generation that surely lost, and why: it does not begin above the other
   * one. One that begins within the other's numbers may count, if that one lost against a record
   * that the cache has not seen.
   */
  get conflict(): ConflictingClaims | undefined {
    return this.#conflict;
  }

  /** The head has its records with it. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Appends that are held. */
  get held(): Held {
    return this.#held;
  }

  /** Takes the next record. Answers whether an append is held now, which costs `bytes`. */
  add(record: ActionRecord, bytes: number): boolean {
    const { action, at } = record;
    this.last = at.offset;
    const effect = this.#head.add(record);
    if (effect.type === 'purged') {
      // Everything before the purge is dead, known or not.
      this.#ranges.clear();
      this.#isHeld = true;
      this.#held = nothingHeld;
      this.epoch += 1;
      this.#unknownUpTo = -1;
      this.#undecodableAt = undefined;
      this.#voids = [];
      this.#voidsUnknownUpTo = -1;
      this.#highestClaim = undefined;
      this.#conflict = undefined;
      return false;
    }
    this.#ranges.add(at.offset);
    if (!this.#isHeld) this.#head = this.#head.withoutSteps();
    if (!Action.isAppend(action)) return false;
    const { range, origin } = action.header;
    const claim = { at, origin, from: range.from };
    const isLost = effect.type === 'lost' && effect.isSure;
    if (isLost && this.#highestClaim !== undefined) {
      this.#conflict = { winner: this.#highestClaim, loser: claim, seqNr: range.from };
    } else this.#highestClaim = claim;
    if (this.#isHeld) this.#hold(1, bytes);
    return this.#isHeld;
  }

  #hold(records: number, bytes: number): void {
    this.#held = { records: this.#held.records + records, bytes: this.#held.bytes + bytes };
  }

  /** A record as if it had never been written: who reads the ranges again has to leave it out. */
  addVoid(offset: Offset): void {
    this.#voids.push(offset);
    if (this.#voids.length > maxVoids) this.#voidsUnknownUpTo = this.#voids.shift() ?? -1;
  }

  /**
   * A record that nobody can read, or of which nobody can say whether it counts: reads of the key
   * fail with it, the cache knows no more.
   */
  addUndecodable(offset: Offset): void {
    this.last = offset;
    this.#undecodableAt = offset;
  }

  /**
   * Gives the records up and keeps where they are. A head without appends costs next to nothing.
   */
  release(): void {
    if (this.#head.firstAppend === undefined) return;
    this.epoch += 1;
    this.#held = nothingHeld;
    this.#isHeld = false;
    this.#head = this.#head.withoutSteps();
  }

  /** The store has the append at `offset`, which was held and cost `bytes`. */
  forget(offset: Offset, bytes: number): void {
    this.#head.forget(offset);
    this.#hold(-1, -bytes);
  }

  /** Why the head as of `replicated` is not known; `undefined` = it is. */
  unknownAt(replicated: Offset | undefined): 'limited' | 'undecodable' | undefined {
    const from = replicated ?? -1;
    const unknownUpTo = this.#isHeld
      ? this.#unknownUpTo
      : Math.max(this.#unknownUpTo, this.#voidsUnknownUpTo);
    if (unknownUpTo > from) return 'limited';
    return (this.#undecodableAt ?? -1) > from ? 'undecodable' : undefined;
  }

  /** The head above `replicated`; without its records when they are not held. */
  headAt(replicated: Offset | undefined): Head {
    if (this.#isHeld) {
      const head = this.#head.copy();
      if (replicated !== undefined) head.forget(replicated);
      return head;
    }
    const { purgedAt } = this.#head;
    const isAbove = purgedAt !== undefined && purgedAt > (replicated ?? -1);
    return Head.afterPurge(isAbove ? purgedAt : undefined);
  }

  /** Where to read the records that are not held. */
  rangesAt(replicated: Offset | undefined) {
    return this.#ranges.above(replicated);
  }

  /** Records in the ranges that do not count. */
  get voids(): ReadonlySet<Offset> {
    return this.#voids.length === 0 ? noVoids : new Set(this.#voids);
  }
}
