import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const pollMs = 20;

/** How long a process may take to stop in order before it is killed. */
export const stopTimeoutMs = 30_000;

/**
 * Ends a process by its id and waits until it is gone; SIGKILL follows when the signal does not end
 * it in time.
 */
export async function endProcess(
  pid: number,
  signal: NodeJS.Signals,
  timeoutMs: number = stopTimeoutMs,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  send(pid, signal);
  while (isAlive(pid)) {
    if (Date.now() > deadline) send(pid, 'SIGKILL');
    await sleep(pollMs);
  }
}

/** True while the process runs; one that ended and waits for its parent counts as gone. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  return !isZombie(pid);
}

/** Command line of a process, to tell ours from another that got the same id; '' if unknown. */
export function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

/** Processes that another one has started; empty where the system does not tell. */
export function childrenOf(pid: number): readonly number[] {
  let entries: readonly string[];
  try {
    entries = readdirSync('/proc');
  } catch {
    return [];
  }
  return entries
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((child) => parentOf(child) === pid);
}

function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(/^\d+ \(.*\) \S (\d+)/s.exec(stat)?.[1]);
  } catch {
    return undefined;
  }
}

function isZombie(pid: number): boolean {
  try {
    return /^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended already.
  }
}
