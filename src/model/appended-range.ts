import type { Offset, PartitionOffset } from './position.ts';
import { SeqNr, type SeqRange } from './seq-nr.ts';

/** Which numbers an append record claims, and where it lies. */
export interface AppendedRange extends SeqRange {
  readonly at: PartitionOffset;
}

/**
 * What a journal's last number is after each of the given append records, in offset order. A record that does not
 * start above the last number loses whole, and leaves the last number as it is (ADR 17).
 */
export class LastNumbers {
  readonly #behind = new Map<Offset, number>();
  #last: SeqNr | 0;

  /** @param before the last number in front of them; 0 = the journal had none */
  constructor(before: SeqNr | 0, ranges: readonly AppendedRange[]) {
    this.#last = before;
    for (const { at, from, to } of ranges) {
      if (from > this.#last) this.#last = to;
      this.#behind.set(at.offset, this.#last);
    }
  }

  /** Behind all of them. */
  get last(): SeqNr {
    return SeqNr.of(this.#last);
  }

  /** Whether a number of the record at `offset` is worth a row: nobody sees more of one that loses. */
  keeps(seqNr: SeqNr, offset: Offset): boolean {
    return seqNr <= (this.#behind.get(offset) ?? this.#last);
  }
}
