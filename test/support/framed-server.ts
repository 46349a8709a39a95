import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

/** How a protocol cuts its stream: a header that tells, at a place, how many bytes follow it. */
export interface Framing {
  readonly headerBytes: number;
  /** Where the length lies, an int32. */
  readonly lengthAt: number;
}

/**
 * A server on loopback that gets whole frames. It can refuse connections, and knows which are open.
 */
export abstract class FramedServer implements AsyncDisposable {
  /** Connections that the client has not closed. */
  readonly sockets = new Set<Socket>();
  readonly #framing: Framing;
  readonly #server: Server;
  #isRefusing = false;

  constructor(framing: Framing) {
    this.#framing = framing;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  async listen(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Ends all connections; new ones are reset at once while `on`. */
  refuse(on: boolean): void {
    this.#isRefusing = on;
    if (on) for (const socket of this.sockets) socket.resetAndDestroy();
  }

  /** @param frame header and body */
  protected abstract answer(socket: Socket, frame: Buffer): void;

  #accept(socket: Socket): void {
    socket.on('error', () => undefined);
    if (this.#isRefusing) {
      socket.resetAndDestroy();
      return;
    }
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
    const { headerBytes, lengthAt } = this.#framing;
    let bytes: Buffer = Buffer.alloc(0);
    socket.on('data', (more) => {
      bytes = Buffer.concat([bytes, more]);
      while (bytes.length >= headerBytes) {
        const end = headerBytes + bytes.readInt32BE(lengthAt);
        if (bytes.length < end) return;
        this.answer(socket, bytes.subarray(0, end));
        bytes = bytes.subarray(end);
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
