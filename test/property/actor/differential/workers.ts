import { fileURLToPath } from 'node:url';
import { resultOfChild } from '../../../support/run-in-child.ts';
import { chunk, type Outcome, type Task, together } from './run-histories.ts';

const file = fileURLToPath(new URL('histories-child.ts', import.meta.url));

/** Histories that one process runs: news come when it ends. */
const maxHistoriesOfChild = 40 * chunk;

/** Shares histories among processes; no more are begun once one shows a difference. */
export async function runInWorkers(
  { seed, histories, shrink }: Task,
  { workers, onProgress }: { workers: number; onProgress: (soFar: Outcome) => void },
): Promise<Outcome> {
  const outcomes: Outcome[] = [];
  let taken = 0;
  const share = Math.min(maxHistoriesOfChild, Math.ceil(histories / workers / chunk) * chunk);
  const worker = async (): Promise<void> => {
    while (taken < histories && outcomes.every(({ failure }) => failure === undefined)) {
      const count = Math.min(share, histories - taken);
      const task = { seed: seed + taken / chunk, histories: count, shrink };
      taken += count;
      outcomes.push(await runInChild(task));
      onProgress(together(outcomes));
    }
  };
  await Promise.all(Array.from({ length: workers }, worker));
  return together(outcomes);
}

/** Runs histories in a process of its own, started with further arguments of Node. */
export function runInChild(
  task: Task,
  execArgv: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  return resultOfChild<Outcome>({ file, task, execArgv, env });
}
