import { globSync } from 'node:fs';

/** Which servers a level needs. */
export type Need = 'nothing' | 'engine' | 'quick' | 'secured' | 'keep';

/** One folder of tests that mocha runs in one process. */
export interface Level {
  readonly name: string;
  readonly files: readonly string[];
  readonly need: Need;
  /** Bound of one test. */
  readonly testTimeoutMs: number;
}

const seconds = 1_000;

interface LevelPlan extends Omit<Level, 'files'> {
  readonly globs: readonly string[];
  readonly exclude?: readonly string[];
}

/** The contract suites of the embedded adapters, which need no server. */
const embedded = ['test/contract/sqlite-*', 'test/contract/embedded-*'];

/** Rules that are taken out one by one, each in processes of its own. */
const mutants = 'test/simulation/mutants';

/** Suites that kill servers live in folders of their own. */
const killing = ['test/e2e/restart/**', 'test/e2e/chaos/**'];

/** Of one need the long ones first, so that the lanes of a run end at about the same time. */
const plans: readonly LevelPlan[] = [
  level('unit', 'nothing', 5 * seconds),
  level('property', 'nothing', 60 * seconds),
  {
    ...level('mutants', 'nothing', 600 * seconds),
    globs: [`${mutants}/*.test.ts`],
  },
  {
    ...level('embedded', 'nothing', 60 * seconds),
    globs: embedded.map((glob) => `${glob}.test.ts`),
  },
  { ...level('simulation', 'nothing', 600 * seconds), exclude: [`${mutants}/**`] },
  level('docs', 'nothing', 10 * seconds),
  level('golden', 'nothing', 10 * seconds),
  level('scenario', 'nothing', 10 * seconds),
  level('types', 'nothing', 10 * seconds),
  level('examples', 'nothing', 120 * seconds),
  { ...level('contract', 'quick', 60 * seconds), exclude: embedded },
  { ...level('e2e', 'quick', 120 * seconds), exclude: killing },
  level('integration', 'quick', 60 * seconds),
  level('secured', 'secured', 120 * seconds),
  {
    ...level('chaos', 'keep', 300 * seconds),
    globs: ['test/chaos/**/*.test.ts', ...killing.map((glob) => `${glob}/*.test.ts`)],
  },
  // The contract suites of the servers' adapters once more, on containers.
  {
    ...level('containers', 'engine', 300 * seconds),
    globs: ['test/containers/**/*.test.ts', 'test/contract/**/*.test.ts'],
    exclude: embedded,
  },
];

/** Every level there may be, with files or without. */
export const levelNames: readonly string[] = plans.map(({ name }) => name);

/** The levels that have files, in the order in which they begin. */
export function findLevels(root: string): readonly Level[] {
  return plans.map((plan) => withFiles(root, plan)).filter(({ files }) => files.length > 0);
}

function level(name: string, need: Need, testTimeoutMs: number): LevelPlan {
  return { name, need, testTimeoutMs, globs: [`test/${name}/**/*.test.ts`] };
}

function withFiles(root: string, plan: LevelPlan): Level {
  const { globs, exclude = [], ...rest } = plan;
  const files = globs.flatMap((glob) => globSync(glob, { cwd: root, exclude: [...exclude] }));
  return { ...rest, files: files.sort() };
}
