import type { Action, ActionRecord } from '../../src/model/action.ts';

/**
 * An event that counts, and the record it came with. Here and below an offset tells the partition,
 * too, of a journal whose key has moved: see `KeyPlaces`.
 */
export interface LiveEvent {
  readonly seqNr: number;
  readonly offset: number;
}

export interface WakeTruth {
  readonly dueMs: number;
  readonly offset: number;
}

/** What a journal is after some records of the log: the fold that everything else must equal. */
export interface Truth {
  /** Ascending. */
  readonly events: readonly LiveEvent[];
  /** First number of this generation. */
  readonly first: number | undefined;
  /** Highest number of this generation; `undefined` before the first append. */
  readonly last: number | undefined;
  readonly deleteTo: number;
  /** Records of this generation that lost against an earlier one, by their first number. */
  readonly losers: readonly LiveEvent[];
  /** Offset of the last append, delete or purge that counted. */
  readonly lastAction: number | undefined;
  /** What its entity waits for: the due time, and where it was said; `undefined` = nothing. */
  readonly wake: WakeTruth | undefined;
  /** How many purges came before. */
  readonly generation: number;
}

const nothing: Truth = {
  events: [],
  first: undefined,
  last: undefined,
  deleteTo: 0,
  losers: [],
  lastAction: undefined,
  wake: undefined,
  generation: 0,
};

/** The truth of one journal after each of its records. */
export class TruthLine {
  readonly #states: { readonly offset: number; readonly state: Truth }[] = [];

  /**
   * @param record the next one of this journal
   * @param base what offsets of its partition begin with; 0 until the key moves
   */
  add({ action, at }: ActionRecord, base = 0): void {
    const offset = base + at.offset;
    const before = this.#states.at(-1)?.state ?? nothing;
    const after = stateAfter(before, action, { offset, base });
    const isTaken = after.last !== before.last && action.header.type === 'append';
    const state = isTaken ? { ...after, wake: wakeAfter(before.wake, action, offset) } : after;
    if (state !== before) this.#states.push({ offset, state });
  }

  /** After all records below `end`. */
  at(end: number): Truth {
    return this.#states.findLast(({ offset }) => offset < end)?.state ?? nothing;
  }

  /** Every state from the one at `from` to the one at `to`. */
  between(from: number, to: number): readonly Truth[] {
    const later = this.#states.filter(({ offset }) => offset >= from && offset < to);
    return [this.at(from), ...later.map(({ state }) => state)];
  }
}

function stateAfter(
  before: Truth,
  action: Action,
  { offset, base }: { readonly offset: number; readonly base: number },
): Truth {
  const { header } = action;
  switch (header.type) {
    case 'append':
      return afterAppend(before, header.range, offset);
    case 'delete':
      return afterDelete(before, header.to, offset);
    case 'purge':
      if (header.onlyAt !== undefined && base + header.onlyAt !== before.lastAction) return before;
      return { ...nothing, lastAction: offset, generation: before.generation + 1 };
    case 'mark':
      return before;
  }
}

function afterAppend(
  before: Truth,
  { from, to }: { readonly from: number; readonly to: number },
  offset: number,
): Truth {
  if (before.last !== undefined && from <= before.last) {
    const losers = [...before.losers, { seqNr: from, offset }];
    return { ...before, losers, lastAction: offset };
  }
  const events = [...before.events];
  for (let seqNr = from; seqNr <= to; seqNr++) events.push({ seqNr, offset });
  const first = before.first ?? from;
  return { ...before, events, first, last: to, lastAction: offset };
}

function afterDelete(before: Truth, to: number, offset: number): Truth {
  // Without an append since the beginning or the last purge there is nothing to delete: void.
  if (before.last === undefined) return before;
  const deleteTo = Math.max(before.deleteTo, Math.min(to, before.last));
  const events = before.events.filter(({ seqNr }) => seqNr > deleteTo);
  return { ...before, events, deleteTo, lastAction: offset };
}

/** Of an append that counts. */
function wakeAfter(before: WakeTruth | undefined, { header, timestampMs }: Action, offset: number) {
  const wake = header.type === 'append' ? header.wake : undefined;
  if (wake === undefined) return before;
  return wake === 'none' ? undefined : { dueMs: wake === 'now' ? timestampMs : wake, offset };
}
