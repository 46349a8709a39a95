import type { Socket } from 'node:net';
import { FramedServer } from './framed-server.ts';

const metadata = 3;
const apiVersions = 18;
const initProducerId = 22;
const node = 1;

/** Kind of request and the newest version of it that the fake knows. */
const versions: readonly (readonly [kind: number, newest: number])[] = [
  [0, 7],
  [1, 11],
  [2, 2],
  [metadata, 4],
  [apiVersions, 2],
  [initProducerId, 1],
];

/**
 * As much of one Kafka broker as a client needs to connect and to learn who leads a partition: itself, of
 * one partition a topic. Nothing else is answered. It can refuse connections, or answer nothing at all.
 */
export class FakeKafka extends FramedServer {
  /** Kinds of the requests that came. */
  readonly asked: number[] = [];
  isSilent = false;

  static open(): Promise<FakeKafka> {
    return new FakeKafka({ headerBytes: 4, lengthAt: 0 }).listen();
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  protected override answer(socket: Socket, frame: Buffer): void {
    const request = frame.subarray(4);
    const kind = request.readInt16BE(0);
    this.asked.push(kind);
    if (this.isSilent) return;
    const body = this.#bodyOf(kind, request);
    if (body === undefined) return;
    const answer = Buffer.concat([int32(4 + body.length), request.subarray(4, 8), body]);
    socket.write(answer);
  }

  #bodyOf(kind: number, request: Buffer): Buffer | undefined {
    if (kind === apiVersions) return apiVersionsBody();
    if (kind === metadata) return this.#metadataOf(request);
    // Throttle time, error, producer id, epoch: all of them 0.
    return kind === initProducerId ? Buffer.alloc(16) : undefined;
  }

  /** Metadata v4: every topic that is asked for is there. */
  #metadataOf(request: Buffer): Buffer {
    const names: string[] = [];
    let at = 10 + Math.max(0, request.readInt16BE(8));
    const count = request.readInt32BE(at);
    at += 4;
    for (let left = count; left > 0; left--) {
      const end = at + 2 + request.readInt16BE(at);
      names.push(request.toString('utf8', at + 2, end));
      at = end;
    }
    const noRack = int16(-1);
    const broker = Buffer.concat([int32(node), text('127.0.0.1'), int32(this.port), noRack]);
    const nodes = array([int32(node)]);
    const partition = Buffer.concat([int16(0), int32(0), int32(node), nodes, nodes]);
    const topics = names.map((name) =>
      Buffer.concat([int16(0), text(name), Buffer.from([0]), array([partition])]),
    );
    const cluster = int16(-1);
    return Buffer.concat([int32(0), array([broker]), cluster, int32(node), array(topics)]);
  }
}

function apiVersionsBody(): Buffer {
  const known = versions.map(([kind, newest]) =>
    Buffer.concat([int16(kind), int16(0), int16(newest)]),
  );
  return Buffer.concat([int16(0), array(known), int32(0)]);
}

function array(items: readonly Buffer[]): Buffer {
  return Buffer.concat([int32(items.length), ...items]);
}

function text(value: string): Buffer {
  return Buffer.concat([int16(value.length), Buffer.from(value)]);
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
