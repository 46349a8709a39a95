import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

import { openStack } from './open-stack.ts';
import { missingServer, withDatacenter } from './opened-stack.ts';
import { freePort } from './ports.ts';
import { parseAddress } from './probes.ts';
import { type ServerName, type Stack, type StackServer, serverNames } from './stack.ts';

/** `host:port` at which the owner of a running stack takes orders. */
export const sharedStackVariable = 'KAFKA_JOURNAL_TEST_STACK';

/** A restart may take as long as a start. */
const orderTimeoutMs = 150_000;

type Action = 'SIGKILL' | 'SIGTERM' | 'start' | 'pause' | 'resume';
type Order = { readonly type: 'describe' } | ServerOrder;
interface ServerOrder {
  readonly type: 'act';
  readonly server: ServerName;
  readonly action: Action;
}

type Description = Pick<Stack, 'profile' | 'sources' | 'missing' | 'logins' | 'folders'> & {
  readonly addresses: Readonly<Partial<Record<ServerName, string>>>;
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
  const { profile, sources, missing, logins, folders } = stack;
  const there = serverNames.filter((name) => missing.every((each) => each.name !== name));
  const addresses = Object.fromEntries(there.map((name) => [name, stack[name].address]));
  return { profile, sources, missing, logins, folders, addresses };
}

/**
 * The stack of the test run if it shares one, a `keep` stack of our own otherwise.
 *
 * Disposing leaves a shared stack alone; start what you killed before you dispose.
 */
export async function joinStack(): Promise<Stack> {
  const owner = process.env[sharedStackVariable];
  if (owner === undefined || owner === '') return openStack({ profile: 'keep' });
  const { addresses, ...stack } = (await send(owner, { type: 'describe' })) as Description;
  const server = (name: ServerName): StackServer => {
    const address = addresses[name];
    return address === undefined
      ? missingServer(stack.missing.find((missing) => missing.name === name))
      : { address, ...remoteServer(owner, name) };
  };
  return {
    ...stack,
    kafka: server('kafka'),
    cassandra: withDatacenter(server('cassandra')),
    postgres: server('postgres'),
    keepFolders: () => undefined,
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
