import { outsideMicrotasks } from './core/drain.ts';
import { type Incident, type ReaderWaits, runPlan } from './history.ts';
import type { HolderOperation } from './holder-plan.ts';
import type { Operation, Plan } from './plan.ts';

/** One call of a scenario's process, at which something can happen. */
export interface CrashPoint {
  readonly scenario: string;
  readonly seed: number;
  readonly call: number;
}

/**
 * What became of one scenario when one of its processes died, or waited, at each of its calls in
 * turn.
 */
export interface CrashPointsResult {
  readonly name: string;
  readonly points: number;
  /** How the system differs from what its records say, by the place of the incident. */
  readonly differences: readonly string[];
}

interface Scenario {
  readonly name: string;
  readonly victim: Incident['victim'];
  readonly operations: readonly Operation[];
  /** What two processes do that hold the journal; default nobody holds it. */
  readonly holders?: readonly (readonly HolderOperation[])[];
  readonly pollSize: number;
  readonly readEnd: Plan['readEnd'];
  /** First letter of the processes that come last. */
  readonly slow: string;
  /** Gives the reader a process of its own. Each value is one run. */
  readonly readerWaits?: readonly ReaderWaits[];
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
const read: Operation = { type: 'read', delay: 0 };

/** Journals over several segments of two events. */
const lives: Readonly<Record<string, readonly Operation[]>> = {
  append: [append(1), append(4), append(3)],
  delete: [append(5), deletion(0.6), deletion(0.2), deletion(0.4), append(2), deletion(1)],
  purge: [append(7), purge, append(3)],
  'purge after delete': [append(7), deletion(0.5), purge, append(3), purge],
  mark: [append(2), mark, append(1), mark],
  expire: [append(3, true), mark, mark, expire, append(2, true), mark, expire],
  'reads beside a purge': [append(2), append(2), read, append(2), read, append(1), purge],
  'reads beside a delete': [
    append(3),
    read,
    append(2),
    deletion(0.5),
    append(1),
    read,
    deletion(1),
  ],
  whole: [append(4), deletion(0.5), append(3), deletion(0.2), purge, append(4), deletion(0.5)],
};

const pollSizes = [1, 2, 30];

/** What happens at a call. */
const incidents = ['death before', 'death after', 'delay'] as const;

interface CrashPointsOptions {
  /** End at the first difference; default false. */
  readonly untilFirst?: boolean;
  /** Part of the names of the scenarios that are run; default all. */
  readonly only?: string | undefined;
  /** Only what can happen there; default everywhere. */
  readonly at?: CrashPoint | undefined;
  /** Orders in which the same calls happen; default three. */
  readonly seeds?: readonly number[] | undefined;
}

/** Every scenario, every call of the process, all that happens there. */
export async function runCrashPoints(
  options: CrashPointsOptions = {},
): Promise<readonly CrashPointsResult[]> {
  const results: CrashPointsResult[] = [];
  for (const scenario of scenarios()) {
    if (!scenario.name.includes(options.only ?? '')) continue;
    if (options.at !== undefined && options.at.scenario !== scenario.name) continue;
    const result = await outsideMicrotasks(() => crashEverywhere(scenario, options));
    results.push(result);
    if (options.untilFirst && result.differences.length > 0) break;
  }
  return results;
}

/**
 * The replicator dies at a purge; the next one may begin with the append before it. A reader whose
 * end lies between the two waits meanwhile, before it looks at R or at the row. With a purge that
 * did not wait for R, as that of the JVM system, the row would have that append alone.
 */
const readBesidePurge: Scenario = {
  name: 'a slow read beside a purge, replicator in polls of 2',
  victim: 'replicator',
  operations: [
    append(1),
    { type: 'pause', steps: 100 },
    append(1),
    read,
    { type: 'pause', steps: 0 },
    purge,
  ],
  pollSize: 2,
  readEnd: 'offset',
  slow: 'R',
  readerWaits: (['R', 'row'] as const).flatMap((before) =>
    Array.from({ length: 16 }, (_, index) => ({
      before,
      steps: before === 'R' ? 20 + 10 * index : 10 + 4 * index,
    })),
  ),
};

const write = (count: number): HolderOperation => {
  return { type: 'append', count, expires: false, isAwaited: true };
};

/** The victim opens, recovers and writes; another one takes the partition over in between. */
const holders: Readonly<Record<string, readonly (readonly HolderOperation[])[]>> = {
  'a holder beside another one': [
    [write(2), { type: 'delete', share: 0.5 }, write(1), { type: 'purge' }, write(1)],
    [{ type: 'pause', steps: 12 }, write(1), write(2)],
  ],
  'a holder that is asked again and again': [
    [write(1), { type: 'release' }, write(1), { type: 'past', what: 'append' }, write(1)],
    [{ type: 'pause', steps: 30 }, { type: 'purge' }, write(1)],
  ],
};

function* scenarios(): Generator<Scenario> {
  yield readBesidePurge;
  for (const [title, operations] of Object.entries(holders)) {
    for (const readEnd of ['marker', 'offset'] as const) {
      const name = `${title}, read-end ${readEnd}`;
      const usual = { operations: [], pollSize: 30, slow: 'R' } as const;
      yield { ...usual, name, victim: 'holder', holders: operations, readEnd };
    }
  }
  for (const [name, operations] of Object.entries(lives)) {
    const usual = { operations, pollSize: 30, readEnd: 'marker', slow: '' } as const;
    yield { ...usual, name: `${name}, client`, victim: 'client' };
    const title = `${name}, client far ahead of the replicator`;
    yield { ...usual, name: title, victim: 'client', readEnd: 'offset', slow: 'R' };
    for (const pollSize of pollSizes) {
      const inPolls = `${name}, replicator in polls of ${pollSize}`;
      yield { ...usual, name: inPolls, victim: 'replicator', pollSize };
    }
  }
}

function crashEverywhere(scenario: Scenario, options: CrashPointsOptions): CrashPointsResult {
  const { untilFirst = false, at } = options;
  const { name, victim, readerWaits = [undefined] } = scenario;
  const plan = planOf(scenario);
  const differences: string[] = [];
  let points = 0;
  for (const seed of seedsOf(options)) {
    const whole = runPlan(plan, seed);
    for (const violation of whole.violations) differences.push(`no incident: ${violation}`);
    for (const call of callsOf(whole.calls[victim], at)) {
      for (const what of incidents) {
        if (untilFirst && differences.length > 0) return { name, points, differences };
        for (const waits of readerWaits) {
          points++;
          const { violations } = runPlan(plan, seed, {
            victim,
            call,
            what,
            ...(waits && { readerWaits: waits }),
          });
          for (const violation of violations) {
            differences.push(`seed ${seed}, ${what} at call ${call}: ${violation}`);
          }
        }
      }
    }
  }
  return { name, points, differences };
}

function seedsOf({ at, seeds = [1, 2, 3] }: CrashPointsOptions): readonly number[] {
  return at === undefined ? seeds : [at.seed];
}

function callsOf(count: number, at: CrashPoint | undefined): readonly number[] {
  return at === undefined ? Array.from({ length: count }, (_, call) => call) : [at.call];
}

function planOf(scenario: Scenario): Plan {
  const { operations, holders: held, pollSize, readEnd, slow, readerWaits } = scenario;
  const processes = held?.map((work) => ({ scope: '', work: [{ id: 'a', operations: work }] }));
  const limits = { holdingTimeMs: 100, limitMs: 2_000, maxLate: 0, isMixed: false };
  return {
    journals: [{ id: 'a', partition: 0, operations, rival: [], keeper: [] }],
    partitions: 1,
    growth: undefined,
    segmentSize: 2,
    changesSegments: false,
    skewMs: 0,
    pageSize: 3,
    owners: 1,
    pollSize,
    keysInFlight: 1,
    rates: { failure: 0, slowAnswer: 0, stall: 0, maxStepMs: 5, slow },
    dataIntegrity: { seqNrUniqueness: true, correlateEventsWithMeta: true, gaps: 'fail' },
    headCache: undefined,
    readEnd,
    // A process of its own is all that is wanted; what it waits for is the scenario's.
    dawdling: readerWaits === undefined ? undefined : 0.001,
    scopes: [],
    saysWakes: true,
    holders: processes && { ...limits, processes },
    turbulence: 0,
    happenings: 0,
  };
}
