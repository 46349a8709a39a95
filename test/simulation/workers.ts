import { fileURLToPath } from 'node:url';
import { resultOfChild } from '../support/run-in-child.ts';
import type { CrashPoint } from './crash-points.ts';
import { addFigures, type SeedRange, type SeedsResult } from './run-seeds.ts';
import { noFigures } from './world.ts';

const file = fileURLToPath(new URL('seeds-child.ts', import.meta.url));

/**
 * Seeds that one process runs: news come when it ends, and what is compiled at its start costs a
 * twentieth.
 */
const maxSeedsOfChild = 50_000;

/** Shares the seeds among processes, each of which runs some and is followed by another. */
export async function runInWorkers(
  range: Omit<SeedRange, 'step'>,
  workers: number,
): Promise<SeedsResult> {
  const { from, count, maxViolations = Number.POSITIVE_INFINITY, onProgress } = range;
  const started = performance.now();
  const share = Math.min(maxSeedsOfChild, Math.ceil(count / workers));
  const figures = noFigures();
  const violations: { readonly seed: number; readonly text: string }[] = [];
  let histories = 0;
  let taken = 0;
  const soFar = (): SeedsResult => {
    return { histories, figures, violations, durationMs: performance.now() - started };
  };
  const worker = async (): Promise<void> => {
    while (taken < count && violations.length < maxViolations) {
      const task = { from: from + taken, count: Math.min(share, count - taken), maxViolations };
      taken += task.count;
      const result = await runInChild(task, []);
      histories += result.histories;
      addFigures(figures, result.figures);
      violations.push(...result.violations);
      onProgress?.(soFar());
    }
  };
  await Promise.all(Array.from({ length: workers }, worker));
  violations.sort((a, b) => a.seed - b.seed);
  return soFar();
}

export interface ChildTask extends Omit<SeedRange, 'onProgress'> {
  /** Tried first, and the rest only if it broke no rule: a seed, or a crash point. */
  readonly first?: number | CrashPoint | undefined;
  /** Crash points as well, if no history broke a rule. Their violations have seed -1. */
  readonly crashPoints?: boolean;
}

/** Runs a range in a process of its own, started with further arguments of Node. */
export function runInChild(
  range: ChildTask,
  execArgv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<SeedsResult> {
  return resultOfChild<SeedsResult>({ file, task: range, execArgv, env });
}
