import { setTimeout as sleep } from 'node:timers/promises';

import { auth, Client } from 'cassandra-driver';

import { datacenter } from './cassandra-server.ts';
import { parseAddress } from './probes.ts';
import type { Login, Logins } from './stack.ts';

/** Cassandra creates its default superuser shortly after it answers. */
const defaultSuperuser: Login = { username: 'cassandra', password: 'cassandra' };
const loginTimeoutMs = 30_000;
const loginPollMs = 50;

/**
 * Creates the three roles. The administrator may create keyspaces and owns what it creates, so it
 * may grant rights there; the others may log in and nothing else.
 */
export async function createRoles(address: string, logins: Logins): Promise<void> {
  const client = await loginWhenReady(address);
  try {
    for (const { username, password } of Object.values(logins)) {
      await client.execute(
        `CREATE ROLE ${username} WITH PASSWORD = '${password}' AND LOGIN = true`,
      );
    }
    await client.execute(`GRANT CREATE ON ALL KEYSPACES TO ${logins.admin.username}`);
  } finally {
    await client.shutdown();
  }
}

async function loginWhenReady(address: string): Promise<Client> {
  const deadline = Date.now() + loginTimeoutMs;
  for (;;) {
    const client = cassandraClient(address, defaultSuperuser);
    try {
      await client.connect();
      return client;
    } catch (error) {
      await client.shutdown();
      if (Date.now() > deadline) throw error;
      await sleep(loginPollMs);
    }
  }
}

function cassandraClient(address: string, { username, password }: Login): Client {
  const { host, port } = parseAddress(address);
  return new Client({
    contactPoints: [host],
    protocolOptions: { port },
    localDataCenter: datacenter,
    authProvider: new auth.PlainTextAuthProvider(username, password),
  });
}
