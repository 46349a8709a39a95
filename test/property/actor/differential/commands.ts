import type { EventObject } from 'xstate';
import type { CommandPlan } from './plan.ts';

/** The object that a caller sends. */
export function commandOf({ type, n, note }: CommandPlan): EventObject {
  return note === 'absent'
    ? ({ type, n } as EventObject)
    : ({ type, n, note: notes[note] } as EventObject);
}

const notes: Readonly<Record<Exclude<CommandPlan['note'], 'absent'>, unknown>> = {
  undefined,
  text: 'x',
  nested: { deep: [1, { a: null }], gone: undefined },
  date: new Date(9),
  map: new Map([[1, 2]]),
  nan: Number.NaN,
};

/**
 * Whether JSON gives the object back equal. Members that are `undefined` and the sign of zero do
 * not count.
 */
export function isStorable({ note }: CommandPlan): boolean {
  return note !== 'date' && note !== 'map' && note !== 'nan';
}
