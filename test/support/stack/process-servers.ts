import { prepareCassandra } from './cassandra-server.ts';
import { javaProblem } from './jars.ts';
import { prepareKafka } from './kafka-server.ts';
import { createRoles } from './roles.ts';
import type { ServerProcess } from './server-process.ts';
import {
  type OpenOptions,
  type OpenServer,
  type ServerName,
  type ServerSource,
  serverTitles,
} from './stack.ts';
import { openStackFolder, type StackFolder } from './stack-folder.ts';

/** Kafka as a Java process from Maven artifacts. */
export const kafkaProcess: ServerSource = {
  name: 'processes',
  problem: javaProblem,
  async open(options) {
    const { profile, logins, detached = false, signal } = options;
    return await openProcess('kafka', {
      folder: serverFolder('kafka', options),
      prepare: ({ path }) => prepareKafka({ folder: path, profile, logins, detached, signal }),
    });
  },
};

/** Cassandra as a Java process from Maven artifacts. */
export const cassandraProcess: ServerSource = {
  name: 'processes',
  problem: javaProblem,
  async open(options) {
    const { profile, logins, detached = false, signal } = options;
    const secured = logins !== undefined;
    return await openProcess('cassandra', {
      folder: serverFolder('cassandra', options),
      prepare: ({ path }) => prepareCassandra({ folder: path, profile, secured, detached, signal }),
      async finish({ address }) {
        if (logins !== undefined) await createRoles(address, logins);
      },
    });
  },
};

function serverFolder(server: ServerName, options: OpenOptions): StackFolder {
  const { name = options.profile, detached = false } = options;
  return openStackFolder(`${name}-${server}`, { detached });
}

export interface ProcessOpening {
  /** Removed with the server, or kept with its logs when it does not start. */
  readonly folder: StackFolder;
  readonly prepare: (folder: StackFolder) => Promise<ServerProcess>;
  /** What is left to do once the server answers. */
  readonly finish?: (server: ServerProcess) => Promise<void>;
}

/** Starts a server as a process of ours in a folder of its own. */
export async function openProcess(
  name: ServerName,
  { folder, prepare, finish }: ProcessOpening,
): Promise<OpenServer> {
  let server: ServerProcess | undefined;
  try {
    server = await prepare(folder);
    await server.start();
    await finish?.(server);
  } catch (error) {
    await server?.kill('SIGKILL');
    folder.keep();
    const message = `${serverTitles[name]} did not start; its logs are in ${folder.path}`;
    throw new Error(message, { cause: error });
  }
  return openedProcess(server, folder);
}

function openedProcess(server: ServerProcess, folder: StackFolder): OpenServer {
  let keepsFolder = false;
  return {
    server,
    folder: folder.path,
    keepFolder() {
      keepsFolder = true;
      folder.disown();
    },
    /** The data is thrown away, so nothing is gained by stopping in order. */
    async [Symbol.asyncDispose]() {
      await server.kill('SIGKILL');
      if (keepsFolder) folder.keep();
      else folder.remove();
    },
  };
}
