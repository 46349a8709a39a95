import { fork } from 'node:child_process';
import { once } from 'node:events';

/** A replicator beside the bank: a process of its own, as in production. */
export function startReplicatorProcess(config: string): { stop(): Promise<void> } {
  const main = new URL('../../src/cli/main.ts', import.meta.url);
  const child = fork(main, ['replicator', '--config', config], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const exit = once(child, 'exit');
  return {
    async stop() {
      child.kill('SIGTERM');
      await exit;
    },
  };
}
