import type { Brand } from './brand.ts';
import { InvalidInputError } from './errors.ts';
import { shown } from './shown.ts';

/**
 * A 1-based position in one journal: 1 .. 2^53-1.
 *
 * `SeqNr.max` stands for "no upper bound" and is 2^63-1 on the wire (ADR 3); it is never the
 * number of a stored event.
 */
export type SeqNr = Brand<number, 'SeqNr'>;

/** The only way to a sequence number: checked, or by steps from one to its neighbour. */
export const SeqNr = {
  min: 1 as SeqNr,
  max: Number.MAX_SAFE_INTEGER as SeqNr,

  /** @throws {InvalidInputError} when `value` is not an integer in 1 .. 2^53-1 */
  of(value: number): SeqNr {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new InvalidInputError(
        `sequence number must be an integer of at least 1, not ${shown(value)}`,
      );
    }
    return value as SeqNr;
  },

  /** The following number; `undefined` after `SeqNr.max`. */
  next(value: SeqNr): SeqNr | undefined {
    return value === SeqNr.max ? undefined : ((value + 1) as SeqNr);
  },

  /** The preceding number; `undefined` before 1. */
  prev(value: SeqNr): SeqNr | undefined {
    return value === SeqNr.min ? undefined : ((value - 1) as SeqNr);
  },

  greaterOf(a: SeqNr, b: SeqNr | undefined): SeqNr {
    return b === undefined || a >= b ? a : b;
  },

  lesserOf(a: SeqNr, b: SeqNr): SeqNr {
    return a <= b ? a : b;
  },
};

/** The numbers of one append: `from` .. `to`, both inclusive. */
export interface SeqRange {
  readonly from: SeqNr;
  readonly to: SeqNr;
}

/** The only way to a range: checked. */
export const SeqRange = {
  /** @throws {InvalidInputError} when `from` is above `to` */
  of(from: SeqNr, to: SeqNr): SeqRange {
    if (from > to)
      throw new InvalidInputError(`sequence range starts at ${from}, above its end ${to}`);
    return { from, to };
  },
};
