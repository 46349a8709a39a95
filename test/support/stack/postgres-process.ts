import { chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';

import { type PostgresBinaries, postgresBinaries } from './postgres-binaries.ts';
import { preparePostgres } from './postgres-server.ts';
import { openProcess } from './process-servers.ts';
import { canEnter, type ServerUser, serverUser } from './server-user.ts';
import type { OpenOptions, OpenServer, ServerSource } from './stack.ts';
import { openStackFolder, type StackFolder, stackRoot } from './stack-folder.ts';

/** PostgreSQL as a process, from binaries of the system or of an npm package. */
export const postgresProcess: ServerSource = {
  name: 'processes',
  async problem() {
    return postgresBinaries(serverUser()) === undefined
      ? 'no binaries of system or package that the server can run'
      : undefined;
  },
  async open(options) {
    const user = serverUser();
    const binaries = postgresBinaries(user);
    if (binaries === undefined) throw new Error('there are no binaries of PostgreSQL');
    return await openPostgresProcess(options, { binaries, user });
  },
};

/** Exported for its test: with these binaries as this user. */
export async function openPostgresProcess(
  { profile, detached = false, signal }: OpenOptions,
  {
    binaries,
    user,
  }: { readonly binaries: PostgresBinaries; readonly user: ServerUser | undefined },
): Promise<OpenServer> {
  return await openProcess('postgres', {
    folder: enterableFolder({ detached, user }),
    prepare: (folder) => preparePostgres({ folder, binaries, user, profile, detached, signal }),
  });
}

/**
 * A repository in root's home is in a folder that nobody else can enter, and with it `.stack`. The
 * server's user has to: its folder is then among the system's temporary ones.
 */
function enterableFolder({
  detached,
  user,
}: {
  readonly detached: boolean;
  readonly user: ServerUser | undefined;
}): StackFolder {
  const roots = [stackRoot, tmpdir(), '/tmp', '/var/tmp'];
  for (const root of roots) {
    const folder = openStackFolder('postgres', { detached, root });
    chmodSync(folder.path, 0o711);
    if (canEnter(folder.path, user)) return folder;
    folder.remove();
  }
  throw new Error(`the user ${user?.uid} of PostgreSQL can enter none of ${roots.join(', ')}`);
}
