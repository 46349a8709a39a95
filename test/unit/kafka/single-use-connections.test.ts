import { once } from 'node:events';
import { createRequire } from 'node:module';
import net from 'node:net';
import { expect } from 'chai';
import '../../../src/kafka/driver/kafkajs.ts';
import { answerWatchOf } from '../../../src/kafka/driver/connections/answer-watch.ts';
import { DriverSockets } from '../../../src/kafka/driver/connections/sockets.ts';
import { failureOf } from '../../contract/action-log.fixture.ts';

const require = createRequire(import.meta.url);
const ConnectionPool = require('kafkajs/src/network/connectionPool');

/** Stands for a connected socket: nothing is sent anywhere. */
class FakeSocket extends net.Socket {
  constructor() {
    super();
    Object.defineProperty(this, 'writable', { get: () => !this.destroyed });
  }
  override write(): boolean {
    return true;
  }
}

/** Answer frame of the Kafka protocol: size, correlation id, body. */
function answer(correlationId: number, body: string): Buffer {
  const frame = Buffer.alloc(8 + body.length);
  frame.writeInt32BE(4 + body.length, 0);
  frame.writeInt32BE(correlationId, 4);
  frame.write(body, 8);
  return frame;
}

const request = {
  request: {
    apiKey: 3,
    apiName: 'Metadata',
    apiVersion: 0,
    encode: async () => new (require('kafkajs/src/protocol/encoder'))(),
  },
  response: {
    decode: async (bytes: Buffer) => bytes.toString(),
    parse: async (decoded: string) => decoded,
  },
};

describe('a connection of the driver', () => {
  let sockets: FakeSocket[];
  let pool: {
    send(r: typeof request): Promise<string>;
    getConnection(index?: number): Promise<{ authHandlers: unknown }>;
    isConnected(): boolean;
    destroy(): Promise<unknown>;
  };
  const logger = { namespace: () => logger, debug() {}, info() {}, warn() {}, error() {} };
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const last = (): FakeSocket => sockets.at(-1) as FakeSocket;

  beforeEach(() => {
    sockets = [];
    pool = new ConnectionPool({
      host: 'h',
      port: 1,
      logger,
      connectionTimeout: 1_000,
      requestTimeout: 5_000,
      socketFactory: ({ onConnect }: { onConnect: () => void }) => {
        const socket = new FakeSocket();
        sockets.push(socket);
        setImmediate(onConnect);
        return socket;
      },
    });
  });
  afterEach(() => pool.destroy());

  it('understands the first answer after a reset in the middle of another one', async () => {
    const cut = failureOf(pool.send(request));
    await turn();
    await turn();
    last().emit('data', answer(0, 'a long answer').subarray(0, 11));
    last().destroy(new Error('ECONNRESET'));
    expect(((await cut) as Error).name).to.equal('KafkaJSConnectionError');
    const next = pool.send(request);
    await turn();
    await turn();
    last().emit('data', answer(0, 'whole'));
    expect(await next).to.equal('whole');
    expect(sockets).to.have.length(2);
  });

  it('is opened once by callers who come at the same time', async () => {
    const [one, two] = await Promise.all([pool.getConnection(), pool.getConnection()]);
    expect(one).to.equal(two);
    expect(sockets).to.have.length(1);
  });

  it('is not disturbed by late errors of the socket before it', async () => {
    await pool.getConnection();
    const [old] = sockets as [FakeSocket];
    old.destroy();
    await pool.getConnection();
    const next = pool.send(request);
    await turn();
    old.emit('error', new Error('late'));
    await turn();
    last().emit('data', answer(0, 'whole'));
    expect(await next).to.equal('whole');
  });

  it('ends what waits for it when its socket closes without an error', async () => {
    const waiting = failureOf(pool.send(request));
    await turn();
    await turn();
    last().destroy();
    expect(((await waiting) as Error).name).to.equal('KafkaJSConnectionError');
    expect(pool.isConnected()).to.equal(false);
  });

  it('ends a login whose socket was reset', async () => {
    const connection = await pool.getConnection();
    const ended = new Promise<void>((resolve) => {
      connection.authHandlers = { onError: resolve };
    });
    last().destroy();
    await ended;
    connection.authHandlers = null;
  });

  it('is not waited for by a new request while it closes with another one under way', async () => {
    const waiting = failureOf(pool.send(request));
    await turn();
    await turn();
    const closing = pool.destroy();
    const next = pool.send(request);
    await turn();
    await turn();
    expect(sockets).to.have.length(2);
    last().emit('data', answer(0, 'whole'));
    expect(await next).to.equal('whole');
    sockets[0]?.destroy();
    await waiting;
    await closing;
  });
});

describe('a socket of the driver', () => {
  it('gathers no listeners when it is given up again and again after its end', async () => {
    const sockets = new DriverSockets({
      answerMs: 1_000,
      joinMs: 1_000,
      heartbeatMs: 1_000,
      wholeMs: 1_000,
    });
    const factory = sockets.factory as unknown as (options: object) => net.Socket;
    const socket = factory({ host: '127.0.0.1', port: 1, onConnect: () => undefined });
    await new Promise((resolve) => socket.once('close', resolve));
    const before = socket.listenerCount('connect');
    for (let i = 0; i < 12; i++) socket.end().unref();
    expect(socket.listenerCount('connect')).to.equal(before);
  });

  it('waits as long for an answer as its size asks for, and not longer when bytes only trickle', async () => {
    const server = net.createServer((peer) => peer.on('error', () => undefined)).listen(0);
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    const sockets = new DriverSockets({
      answerMs: 100,
      joinMs: 100,
      heartbeatMs: 100,
      wholeMs: 600,
    });
    const factory = sockets.factory as unknown as (options: object) => net.Socket;
    const lifeOf = async (announced: number): Promise<number> => {
      const socket = factory({ host: '127.0.0.1', port, onConnect: () => undefined });
      const startedMs = Date.now();
      socket.write('request');
      const trickle = setInterval(() => answerWatchOf(socket)?.begun(announced), 20);
      await new Promise((resolve) => socket.once('close', resolve));
      clearInterval(trickle);
      return Date.now() - startedMs;
    };
    try {
      // A machine that does other things makes a life longer, never shorter.
      const lifeWithin = async (announced: number, maxMs: number): Promise<number> => {
        let ms = await lifeOf(announced);
        for (let tries = 1; ms > maxMs && tries < 5; tries++) ms = await lifeOf(announced);
        return ms;
      };
      const lives = await Promise.all([
        lifeWithin(4, 290),
        lifeWithin(300_000, 590),
        lifeWithin(2 ** 30, 2_000),
      ]);
      expect(lives[0]).to.be.within(90, 290);
      expect(lives[1]).to.be.within(390, 590);
      expect(lives[2]).to.be.within(590, 2_000);
    } finally {
      server.close();
    }
  });

  it('gives the next answer its own time when one has come', async () => {
    const server = net.createServer((peer) => peer.on('error', () => undefined)).listen(0);
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    const sockets = new DriverSockets({
      answerMs: 200,
      joinMs: 200,
      heartbeatMs: 200,
      wholeMs: 200,
    });
    const factory = sockets.factory as unknown as (options: object) => net.Socket;
    try {
      const socket = factory({ host: '127.0.0.1', port, onConnect: () => undefined });
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.write('one');
      socket.write('two');
      const startedMs = Date.now();
      await new Promise((resolve) => setTimeout(resolve, 120));
      answerWatchOf(socket)?.answered();
      await closed;
      expect(Date.now() - startedMs).to.be.within(310, 2_000);
    } finally {
      server.close();
    }
  });
});
