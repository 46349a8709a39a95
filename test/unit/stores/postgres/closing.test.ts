import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { expect } from 'chai';
import type { PostgresSettings } from '../../../../src/config/settings/postgres-settings.ts';
import { StoreUnavailableError } from '../../../../src/model/errors.ts';
import { silentLogger } from '../../../../src/observability/logger.ts';
import { systemClock } from '../../../../src/runtime/clock.ts';
import { openPostgresSession } from '../../../../src/stores/postgres/session.ts';
import { openTimers } from '../../../support/open-timers.ts';

const deps = { log: silentLogger, clock: systemClock };
/** AuthenticationOk, then ReadyForQuery: idle. */
const welcome = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 0, 0x5a, 0, 0, 0, 5, 0x49]);

describe('a PostgreSQL session that is closed', () => {
  const sockets = new Set<Socket>();
  let server: Server;
  let timersBefore: number;
  beforeEach(async () => {
    sockets.clear();
    // A process that was stopped closes nothing, though its peer has.
    server = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
      socket.once('data', () => socket.write(welcome));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    timersBefore = openTimers();
  });
  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });

  const open = (): number =>
    process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length;

  it('leaves no connection and no timer to a server that stands still', async () => {
    const socketsBefore = open();
    const session = await openPostgresSession(settings(server), deps);
    expect(sockets.size).to.equal(1);
    const [peer] = sockets;
    peer?.pause();
    await session[Symbol.asyncDispose]();
    expect(openTimers() - timersBefore, 'timers').to.be.at.most(0);
    // The end that stands still is in this process, too.
    expect(open() - socketsBefore, 'connections').to.be.at.most(1);
  });

  it('waits for no statement of a server that stands still', async () => {
    const session = await openPostgresSession(settings(server, { queryTimeoutMs: 60_000 }), deps);
    const [peer] = sockets;
    const asked = once(peer as Socket, 'data');
    const failure = session.write({ name: '', text: 'SELECT 1' }, []).catch((error) => error);
    await asked;
    await session[Symbol.asyncDispose]();
    expect(await failure).to.be.instanceOf(StoreUnavailableError);
    expect(openTimers() - timersBefore, 'timers').to.be.at.most(0);
  });
});

function settings(server: Server, changes: Partial<PostgresSettings> = {}): PostgresSettings {
  return {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    database: 'journal',
    username: 'journal',
    password: 'none',
    tls: undefined,
    name: 'test',
    maxConnections: 2,
    connectTimeoutMs: 2_000,
    queryTimeoutMs: 2_000,
    ...changes,
  } as PostgresSettings;
}
