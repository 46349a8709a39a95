import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';
import type { RemoteSettings } from '../../../src/config/settings/fleet-settings.ts';
import { RemoteCallError } from '../../../src/model/errors.ts';
import type {
  RemoteCalls,
  RemoteHandler,
  RemoteResponse,
} from '../../../src/ports/remote-calls.ts';
import { openHttpRemoteCalls } from '../../../src/remote/open-http-remote-calls.ts';
import type { RemoteLimits } from '../../../src/remote/protocol.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';

export const plain: RemoteSettings = {
  host: '127.0.0.1',
  port: 0,
  bindHost: undefined,
  token: undefined,
  maxCallsInFlight: 100,
  maxMessageBytes: 4 * 1024 * 1024,
  maxBytesInFlight: 64 * 1024 * 1024,
  tls: undefined,
};

/** Answers with the request. */
export const echo: RemoteHandler = async ({ name, body }) => ({
  type: 'answered',
  body: JSON.stringify({ name, body }),
});

/** The processes of one test; disposing closes all of them. */
export class RemoteWorld implements AsyncDisposable {
  readonly log = new RecordingLogger();
  readonly #opened = new AsyncDisposableStack();

  async open(
    settings: Partial<RemoteSettings> = {},
    handler: RemoteHandler = echo,
    limits?: Partial<RemoteLimits>,
  ): Promise<RemoteCalls> {
    const deps = { log: this.log, clock: systemClock };
    return this.#opened.use(
      await openHttpRemoteCalls({ ...plain, ...settings }, handler, deps, limits),
    );
  }

  /** Another program, which does with each connection what `serve` says. */
  async foreign(serve: (socket: Socket) => void): Promise<string> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      serve(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.#opened.defer(async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened[Symbol.asyncDispose]();
  }
}

/** A handler that answers when the test says so. */
export class HeldHandler {
  readonly signals: AbortSignal[] = [];
  readonly #arrivals: (() => void)[] = [];
  readonly #answer = Promise.withResolvers<RemoteResponse>();

  readonly handle: RemoteHandler = (_, signal) => {
    this.signals.push(signal);
    for (const arrived of this.#arrivals.splice(0)) arrived();
    return this.#answer.promise;
  };

  /** Resolves with the signal of the call that comes next. */
  async arrival(): Promise<AbortSignal> {
    await new Promise<void>((resolve) => this.#arrivals.push(resolve));
    return this.signals.at(-1)!;
  }

  answer(body = '{}'): void {
    this.#answer.resolve({ type: 'answered', body });
  }
}

export function portOf(address: string): number {
  return Number(new URL(address).port);
}

/** The error of a call that must fail in this way. */
export async function failed(call: Promise<unknown>): Promise<RemoteCallError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof RemoteCallError) return error;
    throw error;
  }
  throw new Error('the call should have failed');
}

/** Resolves with the reason once `signal` fires. */
export function fired(signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(signal.reason);
    else signal.addEventListener('abort', () => resolve(signal.reason));
  });
}

/** Joins a connection to one of its own with that port of this host. */
export function forward(socket: Socket, port: number): Socket {
  const target = connect({ host: '127.0.0.1', port });
  target.on('error', () => socket.destroy());
  socket.pipe(target).pipe(socket);
  return target;
}

/** Sends text on a connection of its own, and resolves with all that comes until it is closed. */
export function exchanged(address: string, text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port: portOf(address) });
    let got = '';
    socket.on('data', (bytes) => {
      got += bytes.toString();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(got));
    socket.write(text);
  });
}
