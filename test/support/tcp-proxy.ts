import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

interface Place {
  readonly host: string;
  readonly port: number;
}

/**
 * A TCP proxy that can cut its connections, hold what is under way, or go silent with all of them
 * open.
 */
export class TcpProxy implements AsyncDisposable {
  private readonly sockets = new Set<Socket>();
  private readonly server: Server;
  private frozen = false;

  private constructor(host: string, port: number) {
    this.server = createServer((client) => {
      const target = connect({ host, port });
      this.join(client, target);
      this.join(target, client);
    });
  }

  /** `at` is where it listens: any free port of 127.0.0.1 unless given. */
  static async open(to: Place, at: Place = { host: '127.0.0.1', port: 0 }): Promise<TcpProxy> {
    const proxy = new TcpProxy(to.host, to.port);
    await new Promise<void>((resolve) => proxy.server.listen(at.port, at.host, resolve));
    return proxy;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Nothing is passed on any more; connections stay open. */
  freeze(): void {
    this.frozen = true;
  }

  /** Passes on what comes from now on; what came meanwhile is lost with its connection. */
  thaw(): void {
    this.frozen = false;
    this.cut();
  }

  /** What is under way in either direction stays so until `release`, and is not lost. */
  hold(): void {
    for (const socket of this.sockets) socket.pause();
  }

  release(): void {
    for (const socket of this.sockets) socket.resume();
  }

  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  private join(from: Socket, to: Socket): void {
    this.sockets.add(from);
    from.on('data', (bytes) => {
      if (!this.frozen) to.write(bytes);
    });
    from.on('error', () => from.destroy());
    from.on('close', () => {
      this.sockets.delete(from);
      to.destroy();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
