import net from 'node:net';

/** Request kinds of the Kafka protocol that tests single out. */
export const apiKeys = {
  produce: 0,
  fetch: 1,
  metadata: 3,
  heartbeat: 12,
  syncGroup: 14,
  initProducerId: 22,
} as const;

const findCoordinator = 10;

interface Pair {
  readonly client: net.Socket;
  readonly server: net.Socket;
  /** Correlation id → kind of request. */
  readonly kinds: Map<number, number>;
  readonly held: (() => void)[];
  frozen: boolean;
}

interface Drop {
  left: number;
  readonly kind: number;
  readonly thenCut: boolean;
}

/**
 * A TCP proxy in front of one Kafka broker that breaks things on purpose. It cuts the streams into
 * whole frames, so that one answer can be swallowed without breaking the rest, and puts its own
 * port into the answers that name the broker's, so that clients stay on it.
 */
export class FaultProxy implements AsyncDisposable {
  readonly #target: { readonly host: string; readonly port: number };
  readonly #server: net.Server;
  readonly #pairs = new Set<Pair>();
  #refusing = false;
  #frozen = false;
  #drop: Drop | undefined;
  #dropped = 0;
  #held: { readonly kind: number; readonly sends: (() => void)[] } | undefined;

  private constructor(target: { readonly host: string; readonly port: number }) {
    this.#target = target;
    this.#server = net.createServer((socket) => this.#accept(socket));
  }

  /** Opens a proxy on a free port in front of `host:port`. */
  static async open(address: string): Promise<FaultProxy> {
    const [host, port] = address.split(':');
    const proxy = new FaultProxy({ host: host ?? '127.0.0.1', port: Number(port) });
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject).listen({ host: '127.0.0.1', port: 0 }, resolve);
    });
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Answers swallowed so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /**
   * Swallows the next `count` answers to requests of one kind; `thenCut` resets their connection.
   */
  dropAnswers(kind: number, count: number, { thenCut }: { readonly thenCut: boolean }): void {
    this.#drop = { kind, left: count, thenCut };
  }

  /** Answers that are kept back at the moment. */
  get held(): number {
    return this.#held?.sends.length ?? 0;
  }

  /** Keeps answers to requests of one kind back. */
  holdAnswers(kind: number): void {
    this.#held = { kind, sends: [] };
  }

  /** Those that were kept back go on. */
  releaseAnswers(): void {
    for (const send of this.#held?.sends ?? []) send();
    this.#held = undefined;
  }

  /** Resets every connection; new ones are accepted. */
  cut(): void {
    for (const { client, server } of this.#pairs) {
      client.resetAndDestroy();
      server.destroy();
    }
    this.#pairs.clear();
  }

  /** A broker that is down: connections are reset, new ones too. */
  refuse(on: boolean): void {
    this.#refusing = on;
    if (on) this.cut();
  }

  /** A half-open broker: sockets stay, bytes do not pass. Held bytes go on when it thaws. */
  freeze(on: boolean): void {
    this.#frozen = on;
    for (const pair of this.#pairs) setFrozen(pair, on);
  }

  /** Only the connections of this moment become half-open; new ones work. */
  freezeConnections(): void {
    for (const pair of this.#pairs) setFrozen(pair, true);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(client: net.Socket): void {
    if (this.#refusing) {
      client.resetAndDestroy();
      return;
    }
    const server = net.connect(this.#target);
    const pair: Pair = { client, server, kinds: new Map(), held: [], frozen: this.#frozen };
    this.#pairs.add(pair);
    const close = (): void => {
      client.destroy();
      server.destroy();
      this.#pairs.delete(pair);
    };
    for (const socket of [client, server]) socket.on('error', close).on('close', close);
    onFrames(client, (frame) => {
      pair.kinds.set(frame.readInt32BE(8), frame.readInt16BE(4));
      pass(pair, server, frame);
    });
    onFrames(server, (frame) => this.#answer(pair, frame));
  }

  #answer(pair: Pair, frame: Buffer): void {
    const correlationId = frame.readInt32BE(4);
    const kind = pair.kinds.get(correlationId);
    pair.kinds.delete(correlationId);
    const drop = this.#drop;
    if (drop !== undefined && drop.left > 0 && drop.kind === kind) {
      drop.left -= 1;
      this.#dropped += 1;
      if (drop.thenCut) pair.client.resetAndDestroy();
      return;
    }
    if (kind === apiKeys.metadata || kind === findCoordinator) this.#namePort(frame);
    const held = this.#held;
    if (held !== undefined && held.kind === kind)
      held.sends.push(() => pass(pair, pair.client, frame));
    else pass(pair, pair.client, frame);
  }

  /** The broker's `host string, port int32` becomes ours; both ports have the same size. */
  #namePort(frame: Buffer): void {
    const { host, port } = this.#target;
    const name = Buffer.concat([Buffer.from([0, host.length]), Buffer.from(host), int32(port)]);
    for (let at = frame.indexOf(name); at >= 0; at = frame.indexOf(name, at + name.length)) {
      int32(this.port).copy(frame, at + name.length - 4);
    }
  }
}

function setFrozen(pair: Pair, on: boolean): void {
  pair.frozen = on;
  if (!on) for (const send of pair.held.splice(0)) send();
}

function pass(pair: Pair, to: net.Socket, bytes: Buffer): void {
  const send = (): void => {
    if (to.writable) to.write(bytes);
  };
  if (pair.frozen) pair.held.push(send);
  else send();
}

function onFrames(socket: net.Socket, onFrame: (frame: Buffer) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on('data', (bytes: Buffer) => {
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const size = 4 + rest.readInt32BE(0);
      onFrame(Buffer.from(rest.subarray(0, size)));
      rest = rest.subarray(size);
    }
  });
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
