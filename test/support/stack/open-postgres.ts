import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { engineAnswers } from './container-engine.ts';
import { openPostgresContainer } from './container-stack.ts';
import { postgresBinaries } from './postgres-binaries.ts';
import { preparePostgres } from './postgres-server.ts';
import { postgresAnswers } from './probes.ts';
import type { StackOptions, StackServer } from './stack.ts';
import { openStackFolder } from './stack-folder.ts';

const variable = 'KAFKA_JOURNAL_TEST_POSTGRES';

/** A PostgreSQL of its own source; its address is a URL with user, password and database. */
export interface PostgresStack extends AsyncDisposable {
  readonly server: StackServer;
  readonly folder: string | undefined;
  keepFolder(): void;
}

/** `host:port` of the server's URL. */
export function postgresHost(address: string): string {
  return new URL(address).host;
}

/** Why there can be none here; `undefined` when there can. */
export async function postgresProblem(options: StackOptions): Promise<string | undefined> {
  if (given(options) !== undefined || postgresBinaries() !== undefined) return undefined;
  if (options.detached !== true && (await engineAnswers())) return undefined;
  return `PostgreSQL: ${variable} is not set, no engine, no binaries of system or package`;
}

/** One that the environment names, else a container, else a process of ours. */
export async function openPostgres(options: StackOptions): Promise<PostgresStack> {
  const address = given(options);
  if (address !== undefined) return await openGiven(address);
  if (options.detached !== true && (await engineAnswers())) {
    try {
      return await openPostgresContainer(options);
    } catch (error) {
      if (postgresBinaries() === undefined) throw error;
      options.note?.(`postgres in a container: ${String(error)}`);
    }
  }
  return await openLocal(options);
}

/** Servers of the environment are not ours to kill. */
function given({ profile }: StackOptions): string | undefined {
  const value = process.env[variable]?.trim();
  return value && profile !== 'keep' ? value : undefined;
}

async function openGiven(address: string): Promise<PostgresStack> {
  await postgresAnswers(postgresHost(address));
  const refuse = async (): Promise<never> => {
    throw new Error(
      `the server at ${postgresHost(address)} came from ${variable}; it is not ours to stop or start`,
    );
  };
  return {
    server: { address, kill: refuse, start: refuse, pause: refuse, resume: refuse },
    folder: undefined,
    keepFolder: () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

async function openLocal(options: StackOptions): Promise<PostgresStack> {
  const { profile, detached = false, signal } = options;
  const folder = openStackFolder('postgres', { detached });
  let keepsFolder = false;
  const keepFolder = (): void => {
    keepsFolder = true;
    folder.disown();
  };
  try {
    // The server runs as another user, who must reach what is inside.
    chmodSync(folder.path, 0o711);
    const path = join(folder.path, 'postgres');
    const server = await preparePostgres({ folder: path, profile, detached, signal });
    await server.start();
    return {
      server,
      folder: folder.path,
      keepFolder,
      async [Symbol.asyncDispose]() {
        await server.kill('SIGKILL');
        if (!keepsFolder) folder.remove();
      },
    };
  } catch (error) {
    keepFolder();
    throw new Error(`PostgreSQL did not start; its logs are in ${folder.path}`, { cause: error });
  }
}
