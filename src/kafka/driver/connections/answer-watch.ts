import type net from 'node:net';

/** Requests that a broker answers only when the other members of the group have come. */
const joinGroup = 11;
const syncGroup = 14;
const heartbeat = 12;
const apiKeyAt = 4;
/** 1 MB a second. */
const slowestBytesPerMs = 1_000;

/** How long a broker may take to answer. */
export interface SocketDeadlines {
  /** Longest silence of a broker that owes an answer; above the longest fetch wait. */
  readonly answerMs: number;
  /** The same for joining a group: above the rebalance timeout. */
  readonly joinMs: number;
  /** The same for a heartbeat. */
  readonly heartbeatMs: number;
  /** Longest time from the first byte of an answer to its last; shorter for short ones. */
  readonly wholeMs: number;
}

/**
 * Notices a half-open broker: its machine is gone or hangs, and the connection still stands.
 * kafkajs fails the request and keeps the connection, so the next request would go the same way.
 * Here a socket whose broker owes an answer for too long is destroyed, and kafkajs has to connect
 * anew.
 *
 * Brokers answer the requests of a connection in their order. So the time of a request begins with
 * the answer to the one before it. A broker of which nothing is asked is found by TCP keep-alive
 * (`sockets.ts`).
 */
class AnswerWatch {
  readonly #socket: net.Socket;
  readonly #deadlines: SocketDeadlines;
  /** Time limits of the answers that are owed, in order. */
  #owed: number[] = [];
  #begunBytes = 0;
  #timer: NodeJS.Timeout | undefined;

  /** Counts what is written to the socket from now on: kafkajs writes one request at a time. */
  constructor(socket: net.Socket, deadlines: SocketDeadlines) {
    this.#socket = socket;
    this.#deadlines = deadlines;
    const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
    const watched = (...args: unknown[]): boolean => {
      const [bytes] = args;
      const isRequest = Buffer.isBuffer(bytes) && bytes.length >= apiKeyAt + 2;
      const apiKey = isRequest ? bytes.readInt16BE(apiKeyAt) : undefined;
      this.#owed.push(this.#limitMs(apiKey));
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

  #limitMs(apiKey: number | undefined): number {
    const { answerMs, joinMs, heartbeatMs } = this.#deadlines;
    if (apiKey === joinGroup || apiKey === syncGroup) return joinMs;
    return apiKey === heartbeat ? heartbeatMs : answerMs;
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

const watches = new WeakMap<net.Socket, AnswerWatch>();

/** Watches a new socket until it is closed. */
export function watchAnswers(socket: net.Socket, deadlines: SocketDeadlines): void {
  watches.set(socket, new AnswerWatch(socket, deadlines));
}

/** The watch of a socket; `undefined` when nothing watches it. */
export function answerWatchOf(socket: net.Socket | undefined): AnswerWatch | undefined {
  return socket === undefined ? undefined : watches.get(socket);
}
