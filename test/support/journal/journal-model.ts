/**
 * What a journal is, by definition: the fold of its actions in the order they were acknowledged.
 */
export type Step =
  | { readonly type: 'append'; readonly count: number }
  | { readonly type: 'delete'; readonly to: number }
  | { readonly type: 'purge' };

export class JournalModel {
  #live: number[] = [];
  #last = 0;

  /** Numbers of the events that a read from 1 gives. */
  get live(): readonly number[] {
    return this.#live;
  }

  /** 0 = never written, or purged. */
  get last(): number {
    return this.#last;
  }

  take(step: Step): void {
    if (step.type === 'append') {
      for (let i = 0; i < step.count; i++) this.#live.push(++this.#last);
    } else if (step.type === 'delete') {
      this.#live = this.#live.filter((seqNr) => seqNr > step.to);
    } else {
      this.#live = [];
      this.#last = 0;
    }
  }
}

/** Every way to cut a journal of `size` events into appends: 2^(size-1) of them. */
export function appendsOf(size: number): readonly (readonly Step[])[] {
  if (size === 0) return [[]];
  const cuts: Step[][] = [];
  for (let first = 1; first <= size; first++) {
    for (const rest of appendsOf(size - first)) {
      cuts.push([{ type: 'append', count: first }, ...rest]);
    }
  }
  return cuts;
}

const one: Step = { type: 'append', count: 1 };
const two: Step = { type: 'append', count: 2 };
const purge: Step = { type: 'purge' };
const deleteTo = (to: number): Step => ({ type: 'delete', to });

/** What may follow the appends of a journal of `size` events. */
export function endingsOf(size: number): readonly (readonly Step[])[] {
  return [
    [],
    [deleteTo(1)],
    [deleteTo(Math.max(1, size))],
    [deleteTo(Number.MAX_SAFE_INTEGER), one],
    [deleteTo(Math.max(1, size - 1)), one, deleteTo(1)],
    [purge],
    [purge, two],
    [purge, purge, one],
    [deleteTo(2), purge, two, deleteTo(1), one],
  ];
}
