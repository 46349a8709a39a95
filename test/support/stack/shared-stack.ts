import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

import { openStack } from './open-stack.ts';
import { freePort } from './ports.ts';
import { parseAddress } from './probes.ts';
import type { CassandraServer, Stack, StackServer } from './stack.ts';

/** `host:port` at which the owner of a running stack takes orders. */
export const sharedStackVariable = 'KAFKA_JOURNAL_TEST_STACK';

/** A restart may take as long as a start. */
const orderTimeoutMs = 150_000;

type ServerName = 'kafka' | 'cassandra' | 'postgres';
type Action = 'SIGKILL' | 'SIGTERM' | 'start' | 'pause' | 'resume';
type Order = { readonly type: 'describe' } | ServerOrder;
interface ServerOrder {
  readonly type: 'act';
  readonly server: ServerName;
  readonly action: Action;
}

type Description = Pick<Stack, 'source' | 'profile' | 'logins' | 'folder' | 'postgresFolder'> & {
  readonly kafka: Pick<StackServer, 'address'>;
  readonly cassandra: Pick<CassandraServer, 'address' | 'datacenter'>;
  readonly postgres: Pick<StackServer, 'address'>;
};
type Answer = { readonly result?: unknown } | { readonly error: string };

/** Lets other processes kill and start the servers of a stack that this process owns. */
export async function shareStack(
  stack: Stack,
): Promise<AsyncDisposable & { readonly address: string }> {
  const port = await freePort();
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    createInterface({ input: socket }).once('line', (line) => {
      obey(stack, JSON.parse(line) as Order).then(
        (result) => socket.end(`${JSON.stringify({ result } satisfies Answer)}\n`),
        (error: unknown) => socket.end(`${JSON.stringify({ error: String(error) })}\n`),
      );
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

async function obey(stack: Stack, order: Order): Promise<unknown> {
  if (order.type === 'describe') return describe(stack);
  const server = stack[order.server];
  switch (order.action) {
    case 'SIGKILL':
    case 'SIGTERM':
      return server.kill(order.action);
    case 'start':
    case 'pause':
    case 'resume':
      return server[order.action]();
  }
}

function describe(stack: Stack): Description {
  const { source, profile, kafka, cassandra, postgres, logins, folder, postgresFolder } = stack;
  return {
    source,
    profile,
    kafka: { address: kafka.address },
    cassandra: { address: cassandra.address, datacenter: cassandra.datacenter },
    postgres: { address: postgres.address },
    logins,
    folder,
    postgresFolder,
  };
}

/**
 * The stack of the test run if it shares one, a `keep` stack of our own otherwise.
 *
 * Disposing leaves a shared stack alone; start what you killed before you dispose.
 */
export async function joinStack(): Promise<Stack> {
  const owner = process.env[sharedStackVariable];
  if (owner === undefined || owner === '') return openStack({ profile: 'keep' });
  const stack = (await send(owner, { type: 'describe' })) as Description;
  return {
    ...stack,
    kafka: { ...stack.kafka, ...remoteServer(owner, 'kafka') },
    cassandra: { ...stack.cassandra, ...remoteServer(owner, 'cassandra') },
    postgres: { ...stack.postgres, ...remoteServer(owner, 'postgres') },
    keepFolder: () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function remoteServer(owner: string, server: ServerName): Omit<StackServer, 'address'> {
  const act = async (action: Action): Promise<void> => {
    await send(owner, { type: 'act', server, action });
  };
  return {
    kill: act,
    start: () => act('start'),
    pause: () => act('pause'),
    resume: () => act('resume'),
  };
}

/** One connection for each order: it ends with the answer. */
async function send(owner: string, order: Order): Promise<unknown> {
  const socket = connect(parseAddress(owner));
  try {
    socket.setTimeout(orderTimeoutMs, () => socket.destroy(new Error(`no answer from ${owner}`)));
    socket.write(`${JSON.stringify(order)}\n`);
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    const answer = JSON.parse(text) as Answer;
    if ('error' in answer) throw new Error(answer.error);
    return answer.result;
  } finally {
    socket.destroy();
  }
}
