import { datacenter as defaultDatacenter } from './cassandra-server.ts';
import { expectBroker } from './kafka-server.ts';
import { cassandraState } from './probes.ts';
import type { ServerPair, StackOptions, StackServer } from './stack.ts';

const kafkaVariable = 'KAFKA_JOURNAL_TEST_KAFKA';
const cassandraVariable = 'KAFKA_JOURNAL_TEST_CASSANDRA';

/** True when the environment names both servers. */
export function environmentNamesServers(): boolean {
  return variable(kafkaVariable) !== undefined && variable(cassandraVariable) !== undefined;
}

/** Why servers of the environment cannot serve as such a stack; `undefined` when they can. */
export function environmentProblem({ profile, secured }: StackOptions): string | undefined {
  if (!environmentNamesServers()) return `${kafkaVariable} and ${cassandraVariable} are not set`;
  if (secured === true) return 'servers of the environment are not ours to secure';
  if (profile === 'keep') return 'servers of the environment are not ours to kill';
  return undefined;
}

/** Servers that somebody else runs: used, never stopped. */
export async function openEnvironmentStack({ profile }: StackOptions): Promise<ServerPair> {
  const kafka = given(kafkaVariable);
  const cassandra = given(cassandraVariable);
  await Promise.all([expectBroker(kafka.address), cassandraState(cassandra.address)]);
  return {
    source: 'environment',
    profile,
    kafka,
    cassandra: { ...cassandra, datacenter: defaultDatacenter },
    logins: undefined,
    folder: undefined,
    keepFolder: () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function given(name: string): StackServer {
  const address = variable(name);
  if (address === undefined) throw new Error(`${name} is not set`);
  const refuse = async (): Promise<never> => {
    throw new Error(`the server at ${address} came from ${name}; it is not ours to stop or start`);
  };
  return { address, kill: refuse, start: refuse, pause: refuse, resume: refuse };
}

function variable(name: string): string | undefined {
  const value = process.env[name];
  return value === undefined || value.trim() === '' ? undefined : value.trim();
}
