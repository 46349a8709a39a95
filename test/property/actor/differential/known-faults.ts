import type { HistoryPlan } from './plan.ts';

/** One value within a plan, and what stands there instead. */
type Repair = (part: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>;

/**
 * Faults that are known and not repaired yet: what would meet one is left out, so that it hides no other. Each goes when
 * its fault does.
 */
const repairs: Readonly<Record<string, Repair>> = {
  'what a stopped child sends reaches the next incarnation': (part) => {
    if (part.kind === 'transition') return { ...part, watched: false };
    const { child } = part as { child?: { kind: string } };
    return child?.kind === 'transition' && 'onSnapshot' in part
      ? { ...part, onSnapshot: undefined }
      : part;
  },
};

const active = Object.values(repairs);

export function withoutKnownFaults(plan: HistoryPlan): HistoryPlan {
  const fails = plan.steps.some((step) => 'fault' in step && /lost|failed/.test(step.fault));
  const bursts = plan.steps.some(({ type }) => type === 'burst');
  const all = [
    ...active,
    ...(fails ? [withoutTimerIds] : []),
    ...(bursts ? [withoutSystemIds] : []),
  ];
  return repaired(plan, all) as HistoryPlan;
}

/** In a group commit an event is judged before what precedes it has had its effects. */
function withoutSystemIds(part: Readonly<Record<string, unknown>>): typeof part {
  return 'systemId' in part ? { ...part, systemId: undefined } : part;
}

/** After a failed write, an old timer whose id had been used again still fires. */
function withoutTimerIds(part: Readonly<Record<string, unknown>>): typeof part {
  return part.type === 'later' ? { ...part, id: undefined } : part;
}

function repaired(value: unknown, all: readonly Repair[]): unknown {
  if (Array.isArray(value)) return value.map((item) => repaired(item, all));
  if (typeof value !== 'object' || value === null) return value;
  const part = all.reduce((left, repair) => repair(left), value as Record<string, unknown>);
  return Object.fromEntries(
    Object.entries(part).map(([name, member]) => [name, repaired(member, all)]),
  );
}
