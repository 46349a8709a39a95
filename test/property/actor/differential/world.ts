import type { Lab } from './lab.ts';
import type { StepPlan } from './plan.ts';
import type { View } from './view.ts';

/** What came of a command. */
export type Answer = 'stored' | 'unhandled' | 'refused' | 'failed' | 'ended';

/** One way of running a machine through a history. */
export interface World {
  view(): View;
  /** What was done since the last look. */
  takeSeen(): readonly string[];
  perform(step: StepPlan): Promise<readonly Answer[]>;
}

export const startMs = 1_700_000_000_000;

/** Lets a child that is at work do something. */
export function actOnChild(
  lab: Lab,
  { at, does, value }: Extract<StepPlan, { type: 'child' }>,
): void {
  const able = lab.works.filter((work) => work[does] !== undefined);
  const work = able[at % Math.max(1, able.length)];
  if (work === undefined) return;
  if (does !== 'fail') {
    work[does]?.(value);
    return;
  }
  const error = errorOf(value);
  lab.childErrors.add(error);
  work.fail?.(error);
}

function errorOf(value: number): unknown {
  const error = new Error(`child failed with ${value}`);
  switch (value % 5) {
    case 0:
      return Object.assign(error, { status: 404, code: 'E_GONE' });
    case 1:
      return new RangeError('out of range', { cause: Object.assign(error, { status: 500 }) });
    case 2:
      return 'just a text';
    case 3:
      return { status: 404, message: 'no error at all' };
    default:
      return error;
  }
}
