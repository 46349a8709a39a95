import type { Offset } from '../../model/position.ts';

/** Offsets `from <= offset < to` of one partition. */
export interface OffsetRange {
  readonly from: Offset;
  readonly to: Offset;
}

/** Offsets so close are read at one go: a round trip costs more than the records between. */
const joinedGap = 2_000;
/** A list that is full grows its last range. */
const maxRanges = 16;

/** Where the records of one key are, in a few ranges that hold them all. */
export class OffsetRanges {
  readonly #ranges: { from: Offset; to: Offset }[] = [];

  /** Offsets come in ascending order. */
  add(offset: Offset): void {
    const to = (offset + 1) as Offset;
    const last = this.#ranges.at(-1);
    const near = last !== undefined && offset - last.to < joinedGap;
    if (last !== undefined && (near || this.#ranges.length === maxRanges)) last.to = to;
    else this.#ranges.push({ from: offset, to });
  }

  /** The part above `replicated`. */
  above(replicated: Offset | undefined): readonly OffsetRange[] {
    const first = (replicated ?? -1) + 1;
    return this.#ranges
      .filter(({ to }) => to > first)
      .map(({ from, to }) => ({ from: Math.max(from, first) as Offset, to }));
  }

  clear(): void {
    this.#ranges.length = 0;
  }
}
