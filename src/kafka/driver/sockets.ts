import net from 'node:net';
import tls from 'node:tls';
import type { ISocketFactory } from 'kafkajs';

/** Finds a peer that is gone while nothing is asked of it, as during a long join. */
const keepAliveMs = 10_000;

/** Requests that a broker answers only when the other members of the group have come. */
const joinGroup = 11;
const syncGroup = 14;
const apiKeyAt = 4;

export interface SocketDeadlines {
  /** Longest silence of a broker that owes an answer; above the longest fetch wait. */
  readonly answerMs: number;
  /** The same for joining a group: above the rebalance timeout. */
  readonly joinMs: number;
}

/**
 * The sockets of one client. A socket whose broker owes an answer for too long is destroyed: that
 * is the only way in which kafkajs leaves a half-open leader. And a client that was given up is
 * silenced here: after `close` no byte leaves, whatever its retry loops still try.
 */
export class DriverSockets {
  readonly #open = new Set<net.Socket>();
  readonly #deadlines: SocketDeadlines;
  #closed: Error | undefined;
  #lastError: Error | undefined;

  constructor(deadlines: SocketDeadlines) {
    this.#deadlines = deadlines;
  }

  readonly factory: ISocketFactory = ({ host, port, ssl, onConnect }) => {
    if (this.#closed !== undefined) throw this.#closed;
    const socket = ssl
      ? tls.connect(
          { host, port, ...(net.isIP(host) ? {} : { servername: host }), ...ssl },
          onConnect,
        )
      : net.connect({ host, port }, onConnect);
    socket.setKeepAlive(true, keepAliveMs);
    ignoreUnrefWhenGone(socket);
    this.#open.add(socket);
    socket.on('error', (error) => {
      this.#lastError = error;
    });
    socket.on('close', () => this.#open.delete(socket));
    watchAnswers(socket, this.#deadlines);
    return socket;
  };

  /** What went wrong last on any socket: names a refused connection or an untrusted certificate. */
  get lastError(): Error | undefined {
    return this.#lastError;
  }

  get isClosed(): boolean {
    return this.#closed !== undefined;
  }

  /** Destroys all sockets and refuses new ones. Idempotent. */
  close(reason: Error): void {
    this.#closed ??= reason;
    for (const socket of this.#open) socket.destroy(reason);
  }
}

/**
 * kafkajs disconnects a dead connection again with each failed try. `unref` of a socket that is gone
 * waits for its next connect: each one adds a listener, and Node warns of a leak.
 */
function ignoreUnrefWhenGone(socket: net.Socket): void {
  const unref = socket.unref.bind(socket);
  socket.unref = () => (socket.destroyed ? socket : unref());
}

function watchAnswers(socket: net.Socket, { answerMs, joinMs }: SocketDeadlines): void {
  let timer: NodeJS.Timeout | undefined;
  const clear = (): void => {
    clearTimeout(timer);
    timer = undefined;
  };
  const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
  const watched = (...args: unknown[]): boolean => {
    const limitMs = isJoin(args[0]) ? joinMs : answerMs;
    timer ??= setTimeout(() => {
      socket.destroy(new Error(`no answer within ${limitMs} ms`));
    }, limitMs).unref();
    return write(...args);
  };
  socket.write = watched as typeof socket.write;
  socket.on('data', clear).on('close', clear);
}

function isJoin(bytes: unknown): boolean {
  if (!Buffer.isBuffer(bytes) || bytes.length < apiKeyAt + 2) return false;
  const apiKey = bytes.readInt16BE(apiKeyAt);
  return apiKey === joinGroup || apiKey === syncGroup;
}
