/**
 * `npm run differential -- [--histories N] [--seed S] [--workers W] [--mutants]`
 *
 * Runs generated machines through generated histories under plain xstate and as persistent actors,
 * with and without restarts; exit code 1 when a difference shows that docs/differences.md does not
 * name.
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { huntMutants } from './mutants/hunt-mutants.ts';
import { describeOutcome, runHistories } from './run-histories.ts';
import { runInWorkers } from './workers.ts';

const { values } = parseArgs({
  options: {
    histories: { type: 'string', default: '2000' },
    seed: { type: 'string' },
    workers: { type: 'string', default: '1' },
    mutants: { type: 'boolean', default: false },
  },
});

const seed = Number(values.seed ?? randomInt(2 ** 31));
const workers = Number(values.workers);
const histories = Number(values.histories);

process.exitCode = (await (values.mutants ? hunt() : compare())) ? 0 : 1;

async function compare(): Promise<boolean> {
  console.log(`differential: ${histories} histories, seeds from ${seed}`);
  const started = performance.now();
  const seconds = (): number => Math.round((performance.now() - started) / 1_000);
  const task = { seed, histories, shrink: true };
  const outcome = await (workers === 1
    ? runHistories(task)
    : runInWorkers(task, {
        workers,
        onProgress: ({ figures }) => console.log(`${figures.histories} in ${seconds()} s`),
      }));
  console.log(describeOutcome(outcome));
  console.log(`${outcome.failure ?? 'no difference'} (${seconds()} s)`);
  return outcome.failure === undefined;
}

async function hunt(): Promise<boolean> {
  const hunted = await huntMutants({ seed, histories, workers });
  for (const { name, found } of hunted) {
    console.log(`${found === undefined ? 'SURVIVED' : 'found'}  ${name}\n    ${found ?? ''}`);
  }
  return hunted.every(({ found }) => found !== undefined);
}
