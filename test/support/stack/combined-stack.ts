import type { PostgresStack } from './open-postgres.ts';
import type { ServerPair, Stack } from './stack.ts';

/** Both opened side by side; when one fails, the other is closed. */
export async function combined(
  opening: Promise<ServerPair>,
  postgresOpening: Promise<PostgresStack>,
): Promise<Stack> {
  const [servers, postgres] = await Promise.allSettled([opening, postgresOpening]);
  if (servers.status === 'fulfilled' && postgres.status === 'fulfilled') {
    return stackOf(servers.value, postgres.value);
  }
  for (const outcome of [servers, postgres]) {
    if (outcome.status === 'fulfilled') await outcome.value[Symbol.asyncDispose]();
  }
  throw servers.status === 'rejected' ? servers.reason : (postgres as PromiseRejectedResult).reason;
}

function stackOf(servers: ServerPair, postgres: PostgresStack): Stack {
  const { source, profile, kafka, cassandra, logins, folder } = servers;
  return {
    source,
    profile,
    kafka,
    cassandra,
    postgres: postgres.server,
    logins,
    folder,
    postgresFolder: postgres.folder,
    keepFolder() {
      servers.keepFolder();
      postgres.keepFolder();
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([servers[Symbol.asyncDispose](), postgres[Symbol.asyncDispose]()]);
    },
  };
}
