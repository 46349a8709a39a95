import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { addFigures, type SeedRange, type SeedsResult } from './run-seeds.ts';
import { noFigures } from './world.ts';

const child = fileURLToPath(new URL('seeds-child.ts', import.meta.url));

/** Shares the seeds among processes. */
export async function runInWorkers({
  from,
  count,
  workers,
}: {
  readonly from: number;
  readonly count: number;
  readonly workers: number;
}): Promise<SeedsResult> {
  const started = performance.now();
  const share = Math.ceil(count / workers);
  const ranges = Array.from({ length: workers }, (_, index) => ({
    from: from + index * share,
    count: Math.min(share, count - index * share),
  }));
  const results = await Promise.all(
    ranges.filter((range) => range.count > 0).map((range) => runInChild(range, [])),
  );
  const figures = noFigures();
  for (const result of results) addFigures(figures, result.figures);
  return {
    histories: results.reduce((sum, { histories }) => sum + histories, 0),
    figures,
    violations: results.flatMap(({ violations }) => violations),
    durationMs: performance.now() - started,
  };
}

export interface ChildTask extends Omit<SeedRange, 'onProgress'> {
  /** Crash points as well, unless a seed broke a rule. Their violations have seed -1. */
  readonly thenCrashPoints?: boolean;
}

/** Runs a range in a process of its own, started with further arguments of Node. */
export function runInChild(
  range: ChildTask,
  execArgv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<SeedsResult> {
  return new Promise((resolve, reject) => {
    const process_ = fork(child, [JSON.stringify(range)], {
      execArgv: [...execArgv],
      env: { ...process.env, ...env },
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    });
    let stderr = '';
    let result: SeedsResult | undefined;
    process_.stderr?.on('data', (data: Buffer) => {
      stderr = `${stderr}${data.toString()}`.slice(-2_000);
    });
    process_.on('message', (message) => {
      result = message as SeedsResult;
    });
    process_.on('error', reject);
    process_.on('exit', (code) => {
      if (result !== undefined) resolve(result);
      else reject(new Error(`the simulation ended with exit code ${code}: ${stderr}`));
    });
  });
}
