import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { freePort } from './ports.ts';
import { postgresBinaries } from './postgres-binaries.ts';
import { postgresAnswers } from './probes.ts';
import { type Owner, ServerProcess } from './server-process.ts';
import type { StackProfile } from './stack.ts';

const user = 'postgres';
const initLimitMs = 60_000;
const run = promisify(execFile);

/** Nothing of a server that is never restarted has to reach the disk. */
const quick = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' };

const small = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  shared_buffers: '64MB',
  max_connections: '200',
  max_wal_size: '256MB',
  log_min_messages: 'warning',
};

export interface PostgresServerOptions {
  /** Empty or absent; the server's own user gets it. */
  readonly folder: string;
  readonly profile: StackProfile;
  readonly detached: boolean;
  readonly signal: AbortSignal | undefined;
}

/** Makes a database cluster; `start` runs the server. Its address is a URL with user and password. */
export async function preparePostgres(options: PostgresServerOptions): Promise<ServerProcess> {
  const { folder, profile, detached, signal } = options;
  const binaries = postgresBinaries();
  if (binaries === undefined) throw new Error('there are no binaries of PostgreSQL');
  const owner = serverOwner();
  const data = join(folder, 'data');
  const password = randomBytes(12).toString('hex');
  mkdirSync(folder, { recursive: true });
  if (owner !== undefined) chownSync(folder, owner.uid, owner.gid);
  await initialise({ binaries, folder, data, password, owner });
  const port = await freePort();
  const settings = { ...small, ...(profile === 'quick' ? quick : {}), port: String(port) };
  const address = `postgres://${user}:${password}@127.0.0.1:${port}/${user}`;
  return new ServerProcess({
    name: 'postgres',
    address,
    folder,
    command: [
      join(binaries, 'postgres'),
      '-D',
      data,
      ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]),
    ],
    ports: [port],
    probe: () => postgresAnswers(`127.0.0.1:${port}`),
    detached,
    signal,
    owner,
    // SIGTERM waits for clients to go.
    stopSignal: 'SIGINT',
    workers: /^postgres: /,
  });
}

interface Cluster {
  readonly binaries: string;
  readonly folder: string;
  readonly data: string;
  readonly password: string;
  readonly owner: Owner | undefined;
}

async function initialise({ binaries, folder, data, password, owner }: Cluster): Promise<void> {
  const file = join(folder, 'password');
  writeFileSync(file, `${password}\n`, { mode: 0o600 });
  if (owner !== undefined) chownSync(file, owner.uid, owner.gid);
  try {
    const what = ['-D', data, '-U', user, '--pwfile', file, '--auth', 'scram-sha-256'];
    const how = ['--encoding', 'UTF8', '--no-locale', '--no-sync'];
    await run(join(binaries, 'initdb'), [...what, ...how], {
      cwd: folder,
      timeout: initLimitMs,
      ...owner,
    });
    chmodSync(data, 0o700);
  } finally {
    rmSync(file, { force: true });
  }
}

/** PostgreSQL refuses to run as root: then as a user that owns nothing else. */
function serverOwner(): Owner | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
  const line =
    lines.find((text) => text.startsWith('postgres:')) ??
    lines.find((text) => text.startsWith('nobody:'));
  const [, , uid, gid] = (line ?? '').split(':').map(Number);
  if (!uid || !gid) throw new Error('there is neither a user postgres nor a user nobody');
  return { uid, gid };
}
