import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { commandLine, endProcess, isAlive } from './process-end.ts';
import type { Logins, StackProfile, StackSource } from './stack.ts';
import { stackRoot } from './stack-folder.ts';

/** What `up` leaves behind for `status`, `env` and `down`. */
export interface UpState {
  readonly profile: StackProfile;
  readonly kafka: UpServer;
  readonly cassandra: UpServer;
  readonly postgres: UpServer;
  readonly logins: Logins | undefined;
  readonly folders: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

interface UpServer {
  readonly address: string;
  /** Absent when somebody else runs the server. */
  readonly pid: number | undefined;
  readonly source: StackSource | undefined;
}

const stateFile = join(stackRoot, 'up.json');

export function readUpState(): UpState | undefined {
  try {
    const state = JSON.parse(readFileSync(stateFile, 'utf8')) as Partial<UpState>;
    return state.postgres === undefined ? undefined : (state as UpState);
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
export async function stopUpStack(state: UpState): Promise<void> {
  const { kafka, cassandra, postgres, folders } = state;
  // SIGINT stops each of them in order; SIGTERM would let PostgreSQL wait for its clients.
  const ours = [kafka.pid, cassandra.pid, postgres.pid].filter(
    (pid) => pid !== undefined && isAlive(pid) && folders.some(isNamedBy(pid)),
  );
  await Promise.all(ours.map((pid) => endProcess(pid as number, 'SIGINT')));
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  rmSync(stateFile, { force: true });
}

function isNamedBy(pid: number): (folder: string) => boolean {
  const line = commandLine(pid);
  return (folder) => line.includes(folder);
}
