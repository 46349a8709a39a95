import net from 'node:net';
import tls from 'node:tls';
import type { ISocketFactory } from 'kafkajs';
import { type SocketDeadlines, watchAnswers } from './answer-watch.ts';

/** Finds a peer that is gone while nothing is asked of it, as during a long join. */
const keepAliveMs = 10_000;
const maxAddresses = 20;
const hint = 'Is it a Kafka listener, and is its TLS that of security-protocol?';
const closedAtOnce = `it closed the connection without an answer. ${hint}`;

/**
 * The sockets of one client. Each one is watched for a broker that no longer answers
 * (`answer-watch.ts`). A client that was given up is silenced here: kafkajs would go on trying, but
 * after `close` no byte leaves any more.
 */
export class DriverSockets {
  readonly #open = new Set<net.Socket>();
  readonly #deadlines: SocketDeadlines;
  #closed: Error | undefined;
  /** The last error of each address; that of the newest failure last. */
  readonly #errors = new Map<string, Error>();

  constructor(deadlines: SocketDeadlines) {
    this.#deadlines = deadlines;
  }

  /** For kafkajs: opens a socket, which ends with this client. */
  readonly factory: ISocketFactory = ({ host, port, ssl, onConnect }) => {
    if (this.#closed !== undefined) throw this.#closed;
    const socket = ssl
      ? tls.connect(
          { host, port, ...(net.isIP(host) ? {} : { servername: host }), ...ssl },
          onConnect,
        )
      : net.connect({ host, port }, onConnect);
    socket.setKeepAlive(true, keepAliveMs);
    // kafkajs disconnects a dead connection again with each failed try. `unref` of a socket that is
    // gone waits for its next connect: each call adds a listener, and Node warns of a leak.
    const unref = socket.unref.bind(socket);
    socket.unref = () => (socket.destroyed ? socket : unref());
    this.#open.add(socket);
    const address = `${host}:${port}`;
    let hasFailed = false;
    socket.on('error', (cause) => {
      hasFailed = true;
      // Node's own text is only that the server hung up, or that a version number is wrong. So the
      // error says what to check when the server is of another kind.
      const { code, message } = cause as NodeJS.ErrnoException;
      const isForeign =
        code === 'EPROTO' ||
        code?.startsWith('ERR_SSL_') === true ||
        (code === 'ECONNRESET' && !hasAnswered(socket));
      this.#note(address, isForeign ? new Error(`${message}. ${hint}`, { cause }) : cause);
    });
    socket.on('close', () => {
      this.#open.delete(socket);
      if (!hasFailed && this.#closed === undefined && !hasAnswered(socket)) {
        this.#note(address, new Error(closedAtOnce));
      }
    });
    watchAnswers(socket, this.#deadlines);
    return socket;
  };

  /** What went wrong last on any socket: names a refused connection or an untrusted certificate. */
  get lastError(): Error | undefined {
    return [...this.#errors.values()].at(-1);
  }

  /** The last error of each address, as a text that names both; empty without any. */
  get troubles(): string {
    const texts = [...this.#errors].map(([address, { message }]) => {
      return message.includes(address) ? message : `${address}: ${message}`;
    });
    return texts.join('; ');
  }

  #note(address: string, error: Error): void {
    this.#errors.delete(address);
    this.#errors.set(address, error);
    const [oldest] = this.#errors.keys();
    if (this.#errors.size > maxAddresses && oldest !== undefined) this.#errors.delete(oldest);
  }

  /** Whether `close` was called. */
  get isClosed(): boolean {
    return this.#closed !== undefined;
  }

  /** Destroys all sockets and refuses new ones. Idempotent. */
  close(reason: Error): void {
    this.#closed ??= reason;
    for (const socket of this.#open) socket.destroy(reason);
  }
}

function hasAnswered(socket: net.Socket): boolean {
  return socket.bytesRead > 0;
}
