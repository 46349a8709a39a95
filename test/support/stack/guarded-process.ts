import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';

/**
 * A watcher shares the command's process group and reads a pipe that only we hold open. The pipe
 * closes when the command ends, and when we end, however that happens; then the watcher kills the
 * group: the command, what it started, even what is frozen, and itself. `$$` names the group: the
 * command leads it, because `exec` keeps its id.
 */
const guard =
  'exec 3<&0; (cat <&3 >/dev/null 2>&1; kill -KILL -$$ 2>/dev/null) & exec "$@" </dev/null 3<&-';

/**
 * Starts a command that never outlives this process, not even when this process is SIGKILLed; what
 * the command started in its own session does not outlive the command.
 *
 * It runs in a session of its own: Ctrl-C reaches only us, and we stop it in our order.
 * Its standard input is empty.
 */
export function spawnGuarded(
  command: readonly string[],
  options: Omit<SpawnOptions, 'stdio' | 'detached'> & {
    readonly stdout: 'pipe' | 'inherit' | number;
    readonly stderr: 'pipe' | 'inherit' | number;
  },
): ChildProcess {
  const { stdout, stderr, ...rest } = options;
  const child = spawn('/bin/sh', ['-c', guard, 'guard', ...command], {
    ...rest,
    detached: true,
    stdio: ['pipe', stdout, stderr],
  });
  // Writing ends when the command does; the error of a closed pipe says nothing new.
  child.stdin?.on('error', () => undefined);
  return child;
}
