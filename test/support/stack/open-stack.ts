import { randomBytes } from 'node:crypto';

import { cassandraContainer, kafkaContainer, postgresContainer } from './container-servers.ts';
import { environmentSources } from './environment-servers.ts';
import { type Opening, stackOf } from './opened-stack.ts';
import { postgresProcess } from './postgres-process.ts';
import { cassandraProcess, kafkaProcess } from './process-servers.ts';
import {
  type Logins,
  type OpenOptions,
  type Party,
  type ServerName,
  type ServerSource,
  type Stack,
  type StackOptions,
  serverNames,
} from './stack.ts';

/** For each server where it may come from, in the order of preference. */
export type StackPlan = Readonly<Record<ServerName, readonly ServerSource[]>>;

export const stackPlan: StackPlan = {
  kafka: [environmentSources.kafka, kafkaContainer, kafkaProcess],
  cassandra: [environmentSources.cassandra, cassandraContainer, cassandraProcess],
  postgres: [environmentSources.postgres, postgresContainer, postgresProcess],
};

/** PostgreSQL in a container only where its image can be had. */
const enginePlan: StackPlan = {
  ...stackPlan,
  kafka: [kafkaContainer],
  cassandra: [cassandraContainer],
};

/**
 * Starts Kafka, Cassandra and PostgreSQL side by side, each on its own. One that cannot be had is
 * named in the stack's `missing`, and the others serve.
 *
 * The servers end with this process, however it ends, unless the stack is detached.
 *
 * @throws the signal's reason, after those that had started are stopped
 */
export function openStack(options: StackOptions): Promise<Stack> {
  return openStackFrom(stackPlan, options);
}

/** The same on containers. */
export function openEngineStack(options: StackOptions): Promise<Stack> {
  return openStackFrom(enginePlan, options);
}

/** The same from these sources. */
export async function openStackFrom(plan: StackPlan, given: StackOptions): Promise<Stack> {
  const logins = given.secured === true ? newLogins() : undefined;
  const options = { ...given, logins };
  const results = await Promise.all(
    serverNames.map((server) => openServer(server, { sources: plan[server], options })),
  );
  const stack = stackOf(results, options);
  if (given.signal?.aborted) {
    await stack[Symbol.asyncDispose]();
    given.signal.throwIfAborted();
  }
  return stack;
}

/** Never rejects: the reasons of all sources are kept. */
async function openServer(
  name: ServerName,
  {
    sources,
    options,
  }: { readonly sources: readonly ServerSource[]; readonly options: OpenOptions },
): Promise<Opening> {
  const problems: string[] = [];
  for (const source of sources) {
    if (options.signal?.aborted) break;
    try {
      const problem = await source.problem(options);
      if (problem === undefined) {
        return { name, source: source.name, opened: await source.open(options) };
      }
      problems.push(`${source.name}: ${problem}`);
    } catch (error) {
      problems.push(`${source.name}: ${errorChain(error)}`);
      options.note?.(`${name} from ${source.name}: ${errorChain(error)}`);
    }
  }
  return { name, reason: problems.join('\n') };
}

/** The messages of an error and of its causes. */
export function errorChain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined
    ? error.message
    : `${error.message}\ncaused by: ${errorChain(error.cause)}`;
}

function newLogins(): Logins {
  const login = (party: Party) => ({
    username: party,
    password: `${party}-${randomBytes(9).toString('hex')}`,
  });
  return { admin: login('admin'), client: login('client'), replicator: login('replicator') };
}
