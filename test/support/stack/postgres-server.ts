import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { freePort } from './ports.ts';
import { type PostgresBinaries, placeBinaries } from './postgres-binaries.ts';
import { postgresAnswers } from './probes.ts';
import { ServerProcess } from './server-process.ts';
import type { ServerUser } from './server-user.ts';
import type { StackProfile } from './stack.ts';
import type { StackFolder } from './stack-folder.ts';

const superuser = 'postgres';
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
  /** Exists, and the server's user can enter it. */
  readonly folder: StackFolder;
  readonly binaries: PostgresBinaries;
  /** Who it runs as; we unless given. */
  readonly user: ServerUser | undefined;
  readonly profile: StackProfile;
  readonly detached: boolean;
  readonly signal: AbortSignal | undefined;
}

/**
 * Makes a database cluster; `start` runs the server. Its address is a URL with user and password.
 */
export async function preparePostgres(options: PostgresServerOptions): Promise<ServerProcess> {
  const { profile, detached, signal, user: owner } = options;
  const binaries = placeBinaries(options.binaries, { into: options.folder.programs, user: owner });
  const folder = join(options.folder.path, 'postgres');
  const data = join(folder, 'data');
  const password = randomBytes(12).toString('hex');
  mkdirSync(folder, { recursive: true });
  if (owner !== undefined) chownSync(folder, owner.uid, owner.gid);
  await initialise({ binaries, folder, data, password, owner });
  const port = await freePort();
  const settings = { ...small, ...(profile === 'quick' ? quick : {}), port: String(port) };
  const address = `postgres://${superuser}:${password}@127.0.0.1:${port}/${superuser}`;
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
  readonly owner: ServerUser | undefined;
}

async function initialise({ binaries, folder, data, password, owner }: Cluster): Promise<void> {
  const file = join(folder, 'password');
  writeFileSync(file, `${password}\n`, { mode: 0o600 });
  if (owner !== undefined) chownSync(file, owner.uid, owner.gid);
  try {
    const what = ['-D', data, '-U', superuser, '--pwfile', file, '--auth', 'scram-sha-256'];
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
