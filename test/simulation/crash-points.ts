import { outsideMicrotasks } from './core/drain.ts';
import { type Death, runPlan } from './history.ts';
import type { Operation, Plan } from './plan.ts';

/** What became of one scenario when one of its processes died at each of its calls in turn. */
export interface CrashPointsResult {
  readonly name: string;
  readonly points: number;
  /** How the system differs from what its records say, by the place of the death. */
  readonly differences: readonly string[];
}

interface Scenario {
  readonly name: string;
  readonly victim: Death['victim'];
  readonly operations: readonly Operation[];
  readonly pollSize: number;
}

const append = (count: number, expires = false): Operation => ({
  type: 'append',
  count,
  expires,
  skip: 0,
});
const deletion = (share: number): Operation => ({ type: 'delete', share, isBlind: false });
const purge: Operation = { type: 'purge' };
const mark: Operation = { type: 'mark' };
const expire: Operation = { type: 'expire' };

/** Journals over several segments of two events. */
const lives: Readonly<Record<string, readonly Operation[]>> = {
  append: [append(1), append(4), append(3)],
  delete: [append(5), deletion(0.6), append(2), deletion(1)],
  purge: [append(7), purge, append(3)],
  'purge after delete': [append(7), deletion(0.5), purge, append(3), purge],
  mark: [append(2), mark, append(1), mark],
  expire: [append(3, true), mark, mark, expire, append(2, true), mark, expire],
  whole: [append(4), deletion(0.5), append(3), deletion(0.2), purge, append(4), deletion(0.5)],
};

const pollSizes = [1, 2, 30];

/** Orders in which the same calls happen. */
const seeds = [1, 2, 3];

/** Every scenario, every call of the process that dies, before it and after it; or only until one differs. */
export async function runCrashPoints(
  options: { readonly untilFirst?: boolean } = {},
): Promise<readonly CrashPointsResult[]> {
  const results: CrashPointsResult[] = [];
  for (const scenario of scenarios()) {
    const result = await outsideMicrotasks(() => crashEverywhere(scenario));
    results.push(result);
    if (options.untilFirst && result.differences.length > 0) break;
  }
  return results;
}

function* scenarios(): Generator<Scenario> {
  for (const [name, operations] of Object.entries(lives)) {
    yield { name: `${name}, client`, victim: 'client', operations, pollSize: 30 };
    for (const pollSize of pollSizes) {
      const title = `${name}, replicator in polls of ${pollSize}`;
      yield { name: title, victim: 'replicator', operations, pollSize };
    }
  }
}

function crashEverywhere(scenario: Scenario): CrashPointsResult {
  const { name, victim } = scenario;
  const plan = planOf(scenario);
  const differences: string[] = [];
  let points = 0;
  for (const seed of seeds) {
    const whole = runPlan(plan, seed);
    for (const violation of whole.violations) differences.push(`no death: ${violation}`);
    for (let call = 0; call < whole.calls[victim]; call++) {
      for (const side of ['before', 'after'] as const) {
        points++;
        const { violations } = runPlan(plan, seed, { victim, call, side });
        for (const violation of violations) {
          differences.push(`seed ${seed}, ${side} call ${call}: ${violation}`);
        }
      }
    }
  }
  return { name, points, differences };
}

function planOf({ operations, pollSize }: Scenario): Plan {
  return {
    journals: [{ id: 'a', partition: 0, operations, rival: [] }],
    partitions: 1,
    segmentSize: 2,
    pageSize: 3,
    owners: 1,
    pollSize,
    keysInFlight: 1,
    rates: { failure: 0, slowAnswer: 0, maxStepMs: 5, slow: '' },
    dataIntegrity: { seqNrUniqueness: true, correlateEventsWithMeta: true, gaps: 'fail' },
    headCache: undefined,
    readEnd: 'marker',
    turbulence: 0,
    happenings: 0,
  };
}
