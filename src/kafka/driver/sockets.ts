import net from 'node:net';
import tls from 'node:tls';
import type { ISocketFactory } from 'kafkajs';

/** Finds a peer that is gone while nothing is asked of it, as during a long join. */
const keepAliveMs = 10_000;

/** Requests that a broker answers only when the other members of the group have come. */
const joinGroup = 11;
const syncGroup = 14;
const apiKeyAt = 4;
const maxAddresses = 20;
/** 1 MB a second. */
const slowestBytesPerMs = 1_000;
const hint = 'Is it a Kafka listener, and is its TLS that of security-protocol?';
const closedAtOnce = `it closed the connection without an answer. ${hint}`;

export interface SocketDeadlines {
  /** Longest silence of a broker that owes an answer; above the longest fetch wait. */
  readonly answerMs: number;
  /** The same for joining a group: above the rebalance timeout. */
  readonly joinMs: number;
  /** Longest time from the first byte of an answer to its last; shorter for short ones. */
  readonly wholeMs: number;
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
  /** By address, that of the last one last. */
  readonly #errors = new Map<string, Error>();

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
    const address = `${host}:${port}`;
    let hasFailed = false;
    socket.on('error', (cause) => {
      hasFailed = true;
      this.#note(address, withHint(cause, socket));
    });
    socket.on('close', () => {
      this.#open.delete(socket);
      if (!hasFailed && this.#closed === undefined && !hasAnswered(socket)) {
        this.#note(address, new Error(closedAtOnce));
      }
    });
    watches.set(socket, new AnswerWatch(socket, this.#deadlines));
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

function hasAnswered(socket: net.Socket): boolean {
  return socket.bytesRead > 0;
}

/** Node says of a server of another kind only that it hung up, or that a version number is wrong. */
function withHint(cause: Error, socket: net.Socket): Error {
  const { code, message } = cause as NodeJS.ErrnoException;
  const isForeign =
    code === 'EPROTO' ||
    code?.startsWith('ERR_SSL_') === true ||
    (code === 'ECONNRESET' && !hasAnswered(socket));
  return isForeign ? new Error(`${message}. ${hint}`, { cause }) : cause;
}

const watches = new WeakMap<net.Socket, AnswerWatch>();

/** The watch of a socket that {@link DriverSockets} has made. */
export function answerWatchOf(socket: net.Socket | undefined): AnswerWatch | undefined {
  return socket === undefined ? undefined : watches.get(socket);
}

/**
 * Destroys a socket whose broker owes an answer for too long. Brokers answer the requests of a
 * connection in their order, so the time of a request runs from the answer before it.
 */
class AnswerWatch {
  readonly #socket: net.Socket;
  readonly #deadlines: SocketDeadlines;
  /** Time limits of the answers that are owed, in order. */
  #owed: number[] = [];
  #begunBytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(socket: net.Socket, deadlines: SocketDeadlines) {
    this.#socket = socket;
    this.#deadlines = deadlines;
    const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
    const watched = (...args: unknown[]): boolean => {
      this.#owed.push(isJoin(args[0]) ? deadlines.joinMs : deadlines.answerMs);
      if (this.#owed.length === 1) this.#arm();
      return write(...args);
    };
    socket.write = watched as typeof socket.write;
    socket.on('close', () => clearTimeout(this.#timer));
  }

  /** A part of the next answer is here; `bytes` is what all of it takes, as far as is known. */
  begun(bytes: number): void {
    if (this.#begunBytes === bytes) return;
    this.#begunBytes = bytes;
    const { answerMs, wholeMs } = this.#deadlines;
    const limitMs = Math.max(answerMs, Math.min(wholeMs, answerMs + bytes / slowestBytesPerMs));
    this.#destroyAfter(limitMs, `an answer was not complete after ${Math.round(limitMs)} ms`);
  }

  /** An answer is complete. */
  answered(): void {
    this.#begunBytes = 0;
    this.#owed.shift();
    this.#arm();
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const [limitMs] = this.#owed;
    if (limitMs !== undefined) this.#destroyAfter(limitMs, `no answer within ${limitMs} ms`);
  }

  #destroyAfter(limitMs: number, text: string): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#socket.destroy(new Error(text)), limitMs).unref();
  }
}

function isJoin(bytes: unknown): boolean {
  if (!Buffer.isBuffer(bytes) || bytes.length < apiKeyAt + 2) return false;
  const apiKey = bytes.readInt16BE(apiKeyAt);
  return apiKey === joinGroup || apiKey === syncGroup;
}
