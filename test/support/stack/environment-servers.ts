import { expectBroker } from './kafka-server.ts';
import { cassandraState, postgresAnswers } from './probes.ts';
import { type ServerName, type ServerSource, serverVariables } from './stack.ts';

/** Servers that somebody else runs: used, never stopped. */
export const environmentSources: Readonly<Record<ServerName, ServerSource>> = {
  kafka: environmentSource('kafka', expectBroker),
  cassandra: environmentSource('cassandra', cassandraState),
  postgres: environmentSource('postgres', (address) => postgresAnswers(postgresHost(address))),
};

/** `host:port` of a PostgreSQL server's URL. */
export function postgresHost(address: string): string {
  return new URL(address).host;
}

function environmentSource(
  server: ServerName,
  probe: (address: string) => Promise<unknown>,
): ServerSource {
  const variable = serverVariables[server];
  const address = (): string => process.env[variable]?.trim() ?? '';
  return {
    name: 'environment',
    async problem({ profile, secured }) {
      if (address() === '') return `${variable} is not set`;
      if (secured === true) return 'servers of the environment are not ours to secure';
      return profile === 'keep' ? 'servers of the environment are not ours to kill' : undefined;
    },
    async open() {
      await probe(address());
      const refuse = async (): Promise<never> => {
        throw new Error(`the server came from ${variable}; it is not ours to stop or start`);
      };
      return {
        server: { address: address(), kill: refuse, start: refuse, pause: refuse, resume: refuse },
        folder: undefined,
        keepFolder: () => undefined,
        [Symbol.asyncDispose]: async () => undefined,
      };
    },
  };
}
