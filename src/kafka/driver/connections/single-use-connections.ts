import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import kafkajs from 'kafkajs';

const require = createRequire(import.meta.url);

/** The members of kafkajs's connection that are used here. */
interface Connection {
  readonly host: string;
  readonly port: number;
  readonly versions: unknown;
  readonly connectionStatus: string;
  readonly socket?: Socket;
  readonly authHandlers: { onError(): void } | null;
  readonly requestQueue: object;
  connect(): Promise<unknown>;
  failIfNotConnected(): void;
  rejectRequests(error: Error): void;
  setVersions(versions: unknown): void;
  getSupportAuthenticationProtocol(): unknown;
  setSupportAuthenticationProtocol(isSupported: unknown): void;
}

interface ConnectionPool {
  readonly pool: Connection[];
  isConnected(): boolean;
  getConnection(index?: number): Promise<Connection>;
}

const Connection = require('kafkajs/src/network/connection') as new (options: object) => Connection;
const { prototype: pools } = require('kafkajs/src/network/connectionPool') as {
  prototype: ConnectionPool;
};

/**
 * kafkajs connects the same connection object again and again, and a reset leaves traces in it:
 *
 * - the first half of an answer stays in its buffer, so no later answer is ever understood;
 * - errors of the old socket reject requests of the new one;
 * - two callers open two sockets, one of which is lost;
 * - a request that is sent while the connection closes waits for ever, and so does a login.
 *
 * Here a connection has one socket and ends with it; the next request gets a new connection.
 */
export function useConnectionsOnce(): void {
  const { prototype } = Connection;
  const connect = prototype.connect;
  prototype.connect = function () {
    const connecting = connect.call(this);
    this.socket?.once('close', () => {
      // Nothing more comes over this socket: what waits for it fails.
      this.authHandlers?.onError();
      this.rejectRequests(notConnected(this));
    });
    return connecting;
  };
  prototype.failIfNotConnected = function () {
    if (!isUsable(this)) throw notConnected(this);
  };
  pools.isConnected = function () {
    return this.pool.some(isUsable);
  };
  pools.getConnection = getConnection;
}

const used = new WeakSet<Connection>();
const opening = new WeakMap<Connection, Promise<Connection>>();

async function getConnection(this: ConnectionPool, index = 0): Promise<Connection> {
  const current = this.pool[index] as Connection;
  if (isUsable(current)) return current;
  const known = opening.get(current);
  if (known !== undefined) return known;
  const connection = used.has(current) ? renewed(current) : current;
  used.add(connection);
  this.pool[index] = connection;
  const connected = connection
    .connect()
    .then(() => connection)
    .finally(() => opening.delete(connection));
  opening.set(connection, connected);
  return connected;
}

/** A connection that is closing takes no further requests. */
function isUsable({ connectionStatus, socket }: Connection): boolean {
  return connectionStatus === 'connected' && socket !== undefined && socket.writable;
}

/** A new connection to the same broker: its options are members of the old one and of its queue. */
function renewed(old: Connection): Connection {
  const connection = new Connection(Object.assign({}, old.requestQueue, old));
  connection.setVersions(old.versions);
  connection.setSupportAuthenticationProtocol(old.getSupportAuthenticationProtocol());
  return connection;
}

function notConnected({ host, port }: Connection): Error {
  return new kafkajs.KafkaJSConnectionError('Not connected', { broker: `${host}:${port}` });
}
