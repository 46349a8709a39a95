import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ProcessPlan, RestartableProcess } from './child-process.ts';

/** How long a process may take to stop in order. */
export const stopLimitMs = 40_000;

/** The replicator as its users run it, by the path of its configuration; not started yet. */
export function replicatorProcess(
  { file }: { readonly file: string },
  options: Pick<ProcessPlan, 'onLine' | 'execArgv'> = {},
): RestartableProcess {
  return new RestartableProcess({
    file: new URL('../../src/cli/main.ts', import.meta.url),
    args: () => ['replicator', '--config', file],
    ...options,
  });
}

/** Runs with a replicator process beside it, which is stopped afterwards. */
export function withReplicatorProcess<T>(config: string, run: () => Promise<T>): Promise<T> {
  return withConfigFile(config, async (file) => {
    const replicator = replicatorProcess({ file });
    replicator.start();
    try {
      return await run();
    } finally {
      await replicator.stop(stopLimitMs);
    }
  });
}

/** A configuration that other processes can read, gone afterwards. */
export async function withConfigFile<T>(
  config: string,
  run: (file: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'kafka-journal-'));
  try {
    const file = join(folder, 'application.conf');
    await writeFile(file, config);
    return await run(file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
