import { datacenter } from './cassandra-server.ts';
import {
  type CassandraServer,
  type MissingServer,
  type OpenOptions,
  type OpenServer,
  type ServerName,
  type Stack,
  type StackServer,
  type StackSource,
  serverTitles,
} from './stack.ts';

/** What came of one server. */
export type Opening = OpenedServer | MissingServer;

export interface OpenedServer {
  readonly name: ServerName;
  readonly source: StackSource;
  readonly opened: OpenServer;
}

/** The servers that are there as one stack; whoever uses another meets the reason. */
export function stackOf(openings: readonly Opening[], options: OpenOptions): Stack {
  const there = openings.filter((opening) => 'opened' in opening);
  const server = (name: ServerName): StackServer => {
    const found = there.find((opening) => opening.name === name);
    return found?.opened.server ?? missingServer(openings.find((each) => each.name === name));
  };
  return {
    profile: options.profile,
    kafka: server('kafka'),
    cassandra: withDatacenter(server('cassandra')),
    postgres: server('postgres'),
    sources: Object.fromEntries(there.map(({ name, source }) => [name, source])),
    missing: openings.filter((opening) => 'reason' in opening),
    logins: options.logins,
    folders: there.flatMap(({ opened }) => opened.folder ?? []),
    keepFolders() {
      for (const { opened } of there) opened.keepFolder();
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(there.map(({ opened }) => opened[Symbol.asyncDispose]()));
    },
  };
}

/** Fails at its first use with the reason for which it is missing. */
export function missingServer(missing: Opening | undefined): StackServer {
  const error = (): Error =>
    new Error(
      missing !== undefined && 'reason' in missing ? missingText(missing) : 'no such server',
    );
  const refuse = async (): Promise<never> => {
    throw error();
  };
  return {
    get address(): string {
      throw error();
    },
    kill: refuse,
    start: refuse,
    pause: refuse,
    resume: refuse,
  };
}

/** The local data centre of every Cassandra that we start. */
export function withDatacenter(server: StackServer): CassandraServer {
  return Object.assign(server, { datacenter });
}

export function missingText({ name, reason }: MissingServer): string {
  return `${serverTitles[name]} is missing: ${reason}`;
}
