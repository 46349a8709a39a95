import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { commandLine, endProcess, isAlive } from './process-end.ts';
import type { Logins, StackProfile, StackSource } from './stack.ts';
import { stackRoot } from './stack-folder.ts';

/** What `up` leaves behind for `status`, `env` and `down`. */
export interface UpState {
  readonly source: StackSource;
  readonly profile: StackProfile;
  readonly kafka: UpServer;
  readonly cassandra: UpServer;
  readonly logins: Logins | undefined;
  readonly folder: string | undefined;
  readonly environment: Readonly<Record<string, string>>;
}

interface UpServer {
  readonly address: string;
  /** Absent when somebody else runs the server. */
  readonly pid: number | undefined;
}

const stateFile = join(stackRoot, 'up.json');

export function readUpState(): UpState | undefined {
  try {
    return JSON.parse(readFileSync(stateFile, 'utf8')) as UpState;
  } catch {
    return undefined;
  }
}

export function writeUpState(state: UpState): UpState {
  mkdirSync(stackRoot, { recursive: true });
  writeFileSync(stateFile, `${JSON.stringify(state, null, 2)}\n`);
  return state;
}

/** Stops what `up` started, and nothing that merely has the same process id by now. */
export async function stopUpStack({ kafka, cassandra, folder }: UpState): Promise<void> {
  if (folder !== undefined) {
    const ours = [kafka.pid, cassandra.pid].filter(
      (pid) => pid !== undefined && isAlive(pid) && commandLine(pid).includes(folder),
    );
    await Promise.all(ours.map((pid) => endProcess(pid as number, 'SIGTERM')));
    rmSync(folder, { recursive: true, force: true });
  }
  rmSync(stateFile, { force: true });
}
