import { Action, type ActionRecord, type AppendRecord } from '../model/action.ts';
import type { AppendedRange } from '../model/appended-range.ts';
import type { Offset, PartitionOffset } from '../model/position.ts';
import { SeqNr } from '../model/seq-nr.ts';

/** Adjacent appends, oldest first; `at` is the youngest's place. */
export interface Appends {
  readonly type: 'appends';
  readonly at: PartitionOffset;
  /** Of all appends that it stands for, also of those left out. */
  readonly ranges: readonly AppendedRange[];
  readonly records: readonly AppendRecord[];
  /** How far the deletes behind it reach, which count with it: what they cover is left out. */
  readonly deleteTo: SeqNr | undefined;
}

export interface Delete {
  readonly type: 'delete';
  readonly at: PartitionOffset;
  /** Inclusive. */
  readonly to: SeqNr;
  readonly origin: string | undefined;
  readonly version: string | undefined;
}

export interface Purge {
  readonly type: 'purge';
  readonly at: PartitionOffset;
  /** Set while only the store can decide whether it counts (`decidePurges`). */
  readonly onlyAt: Offset | undefined;
  /**
   * Highest number of the appends before it in this poll. They are not written, but an attempt that
   * was cut short may have left rows of them (V7).
   */
  readonly upTo: SeqNr | undefined;
  readonly origin: string | undefined;
  readonly version: string | undefined;
}

/** One write to the replicated journal of one key. */
export type Batch = Appends | Delete | Purge;

/**
 * The fewest writes that leave a journal as its records, one by one, would leave it.
 *
 *     a1 a2 m a3        one append of all three              marks write nothing
 *     a1 a2 d→1 a3      a2, d→1, a3                          a1 would only be written to be deleted
 *     a1 d→1 p a2       p, a2                                nothing before a purge survives it
 *     p(only at 0) a2   both                                 the store decides about the first
 *
 * The last append before a delete stays even when the delete covers it: it moves the journal's
 * expiry, which a delete does not. Which numbers appends claim is told of all of them, for that decides the journal's
 * last one, beyond which no delete reaches. The append carries how far the delete reaches, so that what
 * was left out is hidden from the moment at which the journal's row stands behind it (V6, D.7.5-4): after a
 * crash between the two writes another poll may end there.
 *
 * @param records of one key, ascending offsets, after `decidePurges`
 * @returns oldest first
 */
export function collapse(records: readonly ActionRecord[]): readonly Batch[] {
  const fold = new YoungestFirst();
  for (let index = records.length - 1; index >= 0 && !fold.startsWithPurge; index--) {
    const record = records[index];
    if (record !== undefined) fold.prepend(record, () => highestBefore(records, index));
  }
  return fold.batches();
}

/** Highest number of the appends in front of a record. */
function highestBefore(records: readonly ActionRecord[], end: number): SeqNr | undefined {
  let highest: SeqNr | undefined;
  for (let index = 0; index < end; index++) {
    const header = records[index]?.action.header;
    if (header?.type === 'append') highest = SeqNr.greaterOf(header.range.to, highest);
  }
  return highest;
}

function isAppend(record: ActionRecord): record is AppendRecord {
  return Action.isAppend(record.action);
}

interface OpenAppends extends Appends {
  readonly ranges: AppendedRange[];
  readonly records: AppendRecord[];
}

/** Walks from the youngest record to the oldest and builds the list of batches from its end. */
class YoungestFirst {
  readonly #batches: (OpenAppends | Delete | Purge)[] = [];
  /** `to` of the oldest delete so far: what it covers need not be written. */
  #cover: SeqNr | undefined;

  get startsWithPurge(): boolean {
    const oldest = this.#batches.at(-1);
    return oldest?.type === 'purge' && oldest.onlyAt === undefined;
  }

  /** @param highestBefore asked only for a purge */
  prepend(record: ActionRecord, highestBefore: () => SeqNr | undefined): void {
    if (isAppend(record)) {
      this.#prependAppend(record);
      return;
    }
    const { header } = record.action;
    if (header.type === 'append' || header.type === 'mark') return;
    const { at } = record;
    const { origin, version } = header;
    if (header.type === 'purge') {
      const { onlyAt } = header;
      this.#batches.push({ type: 'purge', at, onlyAt, upTo: highestBefore(), origin, version });
    } else {
      this.#prependDelete({ type: 'delete', at, to: header.to, origin, version });
    }
  }

  #prependAppend(record: AppendRecord): void {
    const { at } = record;
    const { from, to } = record.action.header.range;
    const range = { at, from, to };
    const next = this.#batches.at(-1);
    if (next?.type !== 'appends') {
      const deleteTo = this.#cover;
      this.#batches.push({ type: 'appends', at, ranges: [range], records: [record], deleteTo });
      return;
    }
    next.ranges.push(range);
    if (!this.#covers(to)) next.records.push(record);
  }

  #prependDelete(older: Delete): void {
    const next = this.#batches.at(-1);
    if (next?.type === 'delete') {
      if (older.to < next.to) return;
      this.#batches.pop();
    } else if (this.#covers(older.to)) {
      return;
    }
    this.#batches.push(older);
    this.#cover = older.to;
  }

  #covers(to: SeqNr): boolean {
    return this.#cover !== undefined && this.#cover >= to;
  }

  batches(): readonly Batch[] {
    for (const batch of this.#batches) {
      if (batch.type !== 'appends') continue;
      batch.ranges.reverse();
      batch.records.reverse();
    }
    return this.#batches.reverse();
  }
}
