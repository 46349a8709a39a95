import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const checkTimeoutMs = 20_000;

/** The user that a server runs as, where that is not ours. */
export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
}

/** PostgreSQL refuses to run as root: then as a user that owns nothing else. */
export function serverUser(): ServerUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
  const line =
    lines.find((text) => text.startsWith('postgres:')) ??
    lines.find((text) => text.startsWith('nobody:'));
  const [, , uid, gid] = (line ?? '').split(':').map(Number);
  if (!uid || !gid) throw new Error('there is neither a user postgres nor a user nobody');
  return { uid, gid };
}

/** True when the user can go into the folder: rights of every parent count, and access lists. */
export function canEnter(folder: string, user: ServerUser | undefined): boolean {
  return succeeds(['/bin/sh', '-c', 'cd "$1"', 'sh', folder], user);
}

/** True when the user can start the program, with every library that it loads. */
export function canRun(program: string, user: ServerUser | undefined): boolean {
  return succeeds([program, '--version'], user);
}

function succeeds([command = '', ...args]: readonly string[], user: ServerUser | undefined) {
  const { status } = spawnSync(command, args, {
    ...user,
    cwd: '/',
    stdio: 'ignore',
    timeout: checkTimeoutMs,
  });
  return status === 0;
}
