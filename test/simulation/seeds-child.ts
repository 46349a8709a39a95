/** Runs a range of seeds for another process and sends it what they came to. */
import { type CrashPoint, runCrashPoints } from './crash-points.ts';
import { runSeeds, type SeedsResult } from './run-seeds.ts';
import type { ChildTask } from './workers.ts';

const task = JSON.parse(process.argv[2] ?? '{}') as ChildTask;
process.on('disconnect', () => process.exit()); // nobody waits for the result
const early = await violationsOfFirst();
const result = await runSeeds(early.length === 0 ? task : { ...task, count: 0 });
const violations = [...early, ...result.violations];
if (task.crashPoints && violations.length === 0) violations.push(...(await crashPoints()));
process.send?.({ ...result, violations }, () => process.disconnect());

async function violationsOfFirst(): Promise<SeedsResult['violations']> {
  const { first } = task;
  if (first === undefined) return [];
  if (typeof first === 'number') return (await runSeeds({ from: first, count: 1 })).violations;
  return await crashPoints(first);
}

async function crashPoints(at?: CrashPoint): Promise<SeedsResult['violations']> {
  const results = await runCrashPoints({ untilFirst: true, at });
  return results.flatMap(({ name, differences }) =>
    differences.slice(0, 1).map((text) => ({ seed: -1, text: `crash points, ${name}: ${text}` })),
  );
}
