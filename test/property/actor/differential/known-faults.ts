import type { HistoryPlan } from './plan.ts';

/** One value within a plan, and what stands there instead. */
type Repair = (part: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>;

/**
 * Faults that are known and not repaired yet: what would meet one is left out, so that it hides no other. Each goes when
 * its fault does.
 */
const repairs: Readonly<Record<string, Repair>> = {
};

const active = Object.values(repairs);

export function withoutKnownFaults(plan: HistoryPlan): HistoryPlan {
  return repaired(plan) as HistoryPlan;
}

function repaired(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(repaired);
  if (typeof value !== 'object' || value === null) return value;
  const part = active.reduce((left, repair) => repair(left), value as Record<string, unknown>);
  return Object.fromEntries(
    Object.entries(part).map(([name, member]) => [name, repaired(member)]),
  );
}
