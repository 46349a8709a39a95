/**
 * `npm run simulate -- --seeds N [--seed S] [--from S] [--workers W]
 * [--mutants | --crash-points] [--only NAME]`
 *
 * Runs N seeded histories of the whole system in virtual time and compares every read with the
 * model; exit code 1 when one breaks a rule. `--seed S` runs that one and prints what happened in
 * it. Crash points are tried in three orders of the calls, with `--from S` in that one.
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { outsideMicrotasks } from './core/drain.ts';
import { runCrashPoints } from './crash-points.ts';
import { runHistory } from './history.ts';
import { huntMutants } from './mutants/hunt-mutants.ts';
import { describeCrashPoints, describeMutant, describeSeeds } from './report.ts';
import { runSeeds, type SeedsResult } from './run-seeds.ts';
import { runInWorkers } from './workers.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '10000' },
    seed: { type: 'string' },
    from: { type: 'string' },
    workers: { type: 'string', default: '1' },
    mutants: { type: 'boolean', default: false },
    only: { type: 'string' },
    'crash-points': { type: 'boolean', default: false },
  },
});

/** Histories that broke a rule, after which no more are begun. */
const maxViolations = 20;

process.exitCode = (await run()) ? 0 : 1;

function run(): Promise<boolean> {
  if (values.seed !== undefined) return replay(Number(values.seed));
  if (values.mutants) return hunt();
  if (values['crash-points']) return crash();
  return simulate();
}

async function replay(seed: number): Promise<boolean> {
  const { trace, violations, hash } = await outsideMicrotasks(() =>
    runHistory(seed, { trace: true }),
  );
  console.log(trace.join('\n'));
  console.log(`seed ${seed}, hash ${hash >>> 0}: ${violations.length} violations`);
  for (const violation of violations) console.log(`  ${violation}`);
  return violations.length === 0;
}

async function simulate(): Promise<boolean> {
  const count = Number(values.seeds);
  const from = Number(values.from ?? randomInt(2 ** 40));
  const workers = Number(values.workers);
  console.log(`simulate: ${count} histories, seeds from ${from}`);
  const range = { from, count, maxViolations, onProgress: showProgress };
  const result = workers > 1 ? await runInWorkers(range, workers) : await runSeeds(range);
  console.log(describeSeeds(result));
  return result.violations.length === 0;
}

function showProgress({ histories, violations, durationMs }: SeedsResult): void {
  const seconds = Math.round(durationMs / 1_000);
  const seeds = violations.map(({ seed }) => seed).join(' ');
  console.log(`${histories} histories in ${seconds} s, ${violations.length} violations ${seeds}`);
}

async function hunt(): Promise<boolean> {
  const from = Number(values.from ?? 1);
  let found = 0;
  const hunted = await huntMutants({
    from,
    maxSeeds: Number(values.seeds),
    only: values.only,
    workers: Number(values.workers),
    onHunted: (mutant) => {
      if (mutant.text !== undefined) found++;
      console.log(describeMutant(mutant));
    },
  });
  console.log(`${found} of ${hunted.length} mutants found`);
  return found === hunted.length;
}

async function crash(): Promise<boolean> {
  const seeds = values.from === undefined ? undefined : [Number(values.from)];
  const results = await runCrashPoints({ only: values.only, seeds });
  console.log(describeCrashPoints(results));
  return results.every(({ differences }) => differences.length === 0);
}
