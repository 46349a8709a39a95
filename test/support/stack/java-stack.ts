import { randomBytes } from 'node:crypto';
import { join } from 'node:path';

import { datacenter, prepareCassandra } from './cassandra-server.ts';
import { prepareKafka } from './kafka-server.ts';
import { createRoles } from './roles.ts';
import type { ServerProcess } from './server-process.ts';
import type { CassandraServer, Logins, Party, ServerPair, StackOptions } from './stack.ts';
import { openStackFolder, type StackFolder } from './stack-folder.ts';

/** Both servers as Java processes from Maven artifacts, started side by side. */
export async function openJavaStack(options: StackOptions): Promise<ServerPair> {
  const { profile, secured = false, detached = false, signal } = options;
  const folder = openStackFolder(options.name ?? profile, { detached });
  const logins = secured ? newLogins() : undefined;
  const lifetime = { detached, signal };
  const servers: ServerProcess[] = [];
  try {
    const [kafka, cassandra] = await Promise.all([
      prepareKafka({ folder: join(folder.path, 'kafka'), profile, logins, ...lifetime }),
      prepareCassandra({ folder: join(folder.path, 'cassandra'), profile, secured, ...lifetime }),
    ]);
    servers.push(kafka, cassandra);
    await allOrFirstError(servers.map((server) => server.start()));
    if (logins !== undefined) await createRoles(cassandra.address, logins);
    return new JavaStack({ kafka, cassandra, logins, folder, profile });
  } catch (error) {
    await Promise.all(servers.map((server) => server.kill('SIGKILL')));
    folder.disown();
    throw new Error(`the servers did not start; their logs are in ${folder.path}`, {
      cause: error,
    });
  }
}

/** Waits for all even when one fails, so that no start is left running. */
async function allOrFirstError(starts: readonly Promise<void>[]): Promise<void> {
  const outcomes = await Promise.allSettled(starts);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}

interface JavaStackParts {
  readonly kafka: ServerProcess;
  readonly cassandra: ServerProcess;
  readonly logins: Logins | undefined;
  readonly folder: StackFolder;
  readonly profile: ServerPair['profile'];
}

class JavaStack implements ServerPair {
  readonly source = 'java';
  readonly profile: ServerPair['profile'];
  readonly kafka: ServerProcess;
  readonly cassandra: CassandraServer & ServerProcess;
  readonly logins: Logins | undefined;
  readonly folder: string;
  readonly #parts: JavaStackParts;
  #keepsFolder = false;

  constructor(parts: JavaStackParts) {
    this.#parts = parts;
    this.profile = parts.profile;
    this.kafka = parts.kafka;
    this.cassandra = Object.assign(parts.cassandra, { datacenter });
    this.logins = parts.logins;
    this.folder = parts.folder.path;
  }

  keepFolder(): void {
    this.#keepsFolder = true;
    this.#parts.folder.disown();
  }

  /** The data is thrown away, so nothing is gained by stopping in order. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.kafka.kill('SIGKILL'), this.cassandra.kill('SIGKILL')]);
    if (!this.#keepsFolder) this.#parts.folder.remove();
  }
}

function newLogins(): Logins {
  const login = (party: Party) => ({
    username: party,
    password: `${party}-${randomBytes(9).toString('hex')}`,
  });
  return { admin: login('admin'), client: login('client'), replicator: login('replicator') };
}
