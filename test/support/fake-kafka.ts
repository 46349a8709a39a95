import type { Socket } from 'node:net';
import { FramedServer } from './framed-server.ts';
import { FakeLog } from './kafka/fake-log.ts';

const produce = 0;
const metadata = 3;
const apiVersions = 18;
const initProducerId = 22;
const findCoordinator = 10;
const joinGroup = 11;
const node = 1;
const unknownTopic = 3;
const memberIdRequired = 79;

/** An answer that a test may replace. */
export interface Distorted {
  readonly kind: number;
  readonly correlationId: Buffer;
  /** What is answered else; `undefined` for kinds of requests that the fake does not know. */
  readonly body: Buffer | undefined;
  readonly socket: Socket;
}

/** Size, correlation id, body. */
export function frameOf(correlationId: Buffer, body: Buffer): Buffer {
  return Buffer.concat([int32(correlationId.length + body.length), correlationId, body]);
}

/** Kind of request and the newest version of it that the fake knows. */
const versions: readonly (readonly [kind: number, newest: number])[] = [
  [0, 7],
  [1, 11],
  [2, 2],
  [metadata, 4],
  [8, 3],
  [9, 3],
  [findCoordinator, 2],
  [joinGroup, 5],
  [12, 3],
  [13, 2],
  [14, 3],
  [apiVersions, 2],
  [initProducerId, 1],
];

/**
 * As much of one Kafka broker as a client needs to connect, to learn who leads a partition
 * (itself), to produce, and to find and join a group. Nothing else is answered. It can refuse
 * connections, answer nothing at all, lose answers, or answer whatever a test likes.
 */
export class FakeKafka extends FramedServer {
  /** Kinds of the requests that came. */
  readonly asked: number[] = [];
  isSilent = false;
  /** Of every topic. */
  partitions = 1;
  /** Topics that do not exist. */
  readonly missing = new Set<string>();
  readonly log = new FakeLog();
  /** Cuts the connection instead of giving the answer to a request, which was carried out. */
  isLost: (kind: number) => boolean = () => false;
  /** What is sent for an answer: bytes of any kind; `undefined` = the answer as it is. */
  distort: (answer: Distorted) => Buffer | undefined = () => undefined;
  #producers = 0n;
  #joins = 0;

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
    const correlationId = request.subarray(4, 8);
    const distorted = this.distort({ kind, correlationId, body, socket });
    if (this.isLost(kind)) socket.resetAndDestroy();
    else if (distorted !== undefined) socket.write(distorted);
    else if (body !== undefined) socket.write(frameOf(correlationId, body));
  }

  #bodyOf(kind: number, request: Buffer): Buffer | undefined {
    if (kind === apiVersions) return apiVersionsBody();
    if (kind === metadata) return this.#metadataOf(request);
    if (kind === produce) return this.#produceOf(request);
    if (kind === findCoordinator) return this.#coordinatorOf();
    if (kind === joinGroup) return this.#membershipOf();
    return kind === initProducerId ? this.#producerOf() : undefined;
  }

  /** Throttle time and error are 0, then the producer's id, and its epoch 0. */
  #producerOf(): Buffer {
    const id = Buffer.alloc(8);
    id.writeBigInt64BE(this.#producers++);
    return Buffer.concat([int32(0), int16(0), id, int16(0)]);
  }

  /** FindCoordinator v2: this broker, without an error. */
  #coordinatorOf(): Buffer {
    const noText = int16(-1);
    const broker = [int32(node), text('127.0.0.1'), int32(this.port)];
    return Buffer.concat([int32(0), int16(0), noText, ...broker]);
  }

  /** JoinGroup v5: MEMBER_ID_REQUIRED with an id, then the first generation, without members. */
  #membershipOf(): Buffer {
    const isFirst = this.#joins++ % 2 === 0;
    const [error, generation] = isFirst
      ? [int16(memberIdRequired), int32(-1)]
      : [int16(0), int32(1)];
    const [protocol, leader] = isFirst
      ? [text(''), text('')]
      : [text('RoundRobinAssigner'), text('m')];
    return Buffer.concat([int32(0), error, generation, protocol, leader, text('m'), array([])]);
  }

  /**
   * Produce v7: by topic and partition error, base offset, append time -1, start 0; throttle time.
   */
  #produceOf(request: Buffer): Buffer {
    let at = 10 + Math.max(0, request.readInt16BE(8));
    at += 2 + Math.max(0, request.readInt16BE(at)) + 2 + 4;
    const topics: Buffer[] = [];
    let topicsLeft = request.readInt32BE(at);
    at += 4;
    for (; topicsLeft > 0; topicsLeft--) {
      const end = at + 2 + request.readInt16BE(at);
      const topic = request.toString('utf8', at + 2, end);
      const partitions: Buffer[] = [];
      let partitionsLeft = request.readInt32BE(end);
      at = end + 4;
      for (; partitionsLeft > 0; partitionsLeft--) {
        const partition = request.readInt32BE(at);
        const recordsEnd = at + 8 + request.readInt32BE(at + 4);
        const { code, baseOffset } = this.log.append(
          topic,
          partition,
          request.subarray(at + 8, recordsEnd),
        );
        partitions.push(
          Buffer.concat([int32(partition), int16(code), int64(baseOffset), int64(-1), int64(0)]),
        );
        at = recordsEnd;
      }
      topics.push(Buffer.concat([text(topic), array(partitions)]));
    }
    return Buffer.concat([array(topics), int32(0)]);
  }

  /** Metadata v4: every topic that is asked for is there, if it is not among the missing. */
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
    const partitions = Array.from({ length: this.partitions }, (_, partition) =>
      Buffer.concat([int16(0), int32(partition), int32(node), nodes, nodes]),
    );
    const topics = names.map((name) => {
      const isMissing = this.missing.has(name);
      const code = int16(isMissing ? unknownTopic : 0);
      return Buffer.concat([
        code,
        text(name),
        Buffer.from([0]),
        array(isMissing ? [] : partitions),
      ]);
    });
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

function int64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(value));
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
