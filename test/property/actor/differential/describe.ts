import { inspect } from 'node:util';
import type { Difference } from './compare.ts';
import type { HistoryPlan, StepPlan } from './plan.ts';

/** A counterexample as a reader wants it: machine, history, step, first difference. */
export function describeDifference(plan: HistoryPlan, difference: Difference): string {
  const { run, step, what, plain, persistent, journal } = difference;
  return [
    `machine: ${short(plan.machine)}`,
    `starts with ${plan.start}, ${short(plan.born ?? 'nobody')}`,
    ...plan.steps.map((each, i) => `${i === step ? '→' : ' '} ${i} ${describeStep(each)}`),
    `${run}, ${step < 0 ? 'at the start' : `step ${step}`}: ${what}`,
    `  plain      ${short(plain)}`,
    `  persistent ${short(persistent)}`,
    'journal:',
    ...journal.map((text) => `  ${text}`),
  ].join('\n');
}

function describeStep({ type, ...rest }: StepPlan): string {
  return `${type} ${short(rest)}`;
}

function short(value: unknown): string {
  if (typeof value === 'string') return value;
  return inspect(pruned(value), { depth: 30, breakLength: 120, compact: 8 });
}

/** Without what is not there. */
function pruned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(pruned);
  if (typeof value !== 'object' || value === null || value instanceof Error) return value;
  const members = Object.entries(value).filter(([name, member]) => !isNothing(name, member));
  return Object.fromEntries(members.map(([name, member]) => [name, pruned(member)]));
}

function isNothing(name: string, value: unknown): boolean {
  if (value === undefined || value === false || value === 'none') return true;
  if (Array.isArray(value)) return value.length === 0;
  return value === 0 && ['initial', 'pings', 'downMs'].includes(name);
}
