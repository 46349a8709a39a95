import fc from 'fast-check';
import { history } from './arbitrary-history.ts';
import { type Difference, findDifference } from './compare.ts';
import { describeDifference } from './describe.ts';
import { Differences } from './differences.ts';
import type { HistoryPlan } from './plan.ts';
import { writtenHistories } from './written-histories.ts';

export interface Figures {
  histories: number;
  steps: number;
  restarts: number;
  /** Writes that the journal refused or failed. */
  faults: number;
}

export interface Outcome {
  readonly figures: Figures;
  /** Rows of docs/differences.md, and how often each was needed. */
  readonly used: readonly (readonly [string, number])[];
  /** The first counterexample, or nothing. */
  readonly failure: string | undefined;
}

export interface Task {
  /** Seed of the first chunk; the next one has the next seed. */
  readonly seed: number;
  readonly histories: number;
  /** Look for the smallest counterexample; else the first one will do. */
  readonly shrink: boolean;
}

/** Histories that one seed of fast-check stands for. */
export const chunk = 250;

/**
 * Runs histories until one shows a difference that no row names. The first are written by hand, the
 * others generated.
 */
export async function runHistories({ seed, histories, shrink }: Task): Promise<Outcome> {
  const differences = new Differences();
  const figures: Figures = { histories: 0, steps: 0, restarts: 0, faults: 0 };
  let failure: string | undefined;
  for (let done = 0; done < histories && failure === undefined; done += chunk) {
    let found: { readonly plan: HistoryPlan; readonly difference: Difference } | undefined;
    const property = fc.asyncProperty(history, async (plan) => {
      count(figures, plan);
      const difference = await findDifference(plan, differences);
      if (difference === undefined) return true;
      found = { plan, difference };
      return false;
    });
    const numRuns = Math.min(chunk, histories - done);
    const examples = done === 0 ? writtenHistories.map((plan): [HistoryPlan] => [plan]) : [];
    const how = { seed: seed + done / chunk, numRuns, examples, endOnFailure: !shrink };
    const { failed, errorInstance } = await fc.check(property, how);
    if (!failed) continue;
    failure = `seed ${how.seed}\n${
      found === undefined ? String(errorInstance) : describeDifference(found.plan, found.difference)
    }`;
  }
  return { figures, used: [...differences.used], failure };
}

function count(figures: Figures, { steps }: HistoryPlan): void {
  figures.histories++;
  figures.steps += steps.length;
  for (const step of steps) {
    if (step.type === 'restart') figures.restarts++;
    if (step.type === 'command' && step.fault !== 'none') figures.faults++;
  }
}

/** One outcome of several parts. */
export function together(outcomes: readonly Outcome[]): Outcome {
  const figures: Figures = { histories: 0, steps: 0, restarts: 0, faults: 0 };
  const used = new Differences();
  for (const outcome of outcomes) {
    for (const name of Object.keys(figures) as (keyof Figures)[]) {
      figures[name] += outcome.figures[name];
    }
    used.add(outcome.used);
  }
  const failure = outcomes.find((outcome) => outcome.failure !== undefined)?.failure;
  return { figures, used: [...used.used], failure };
}

export function describeOutcome({ figures, used }: Outcome): string {
  const { histories, steps, restarts, faults } = figures;
  const rows = used.map(([id, times]) => `  ${String(times).padStart(8)} ${id}`);
  return [
    `${histories} histories, ${steps} steps, ${restarts} restarts, ${faults} faults of the journal`,
    ...rows,
  ].join('\n');
}
