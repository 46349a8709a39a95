import type { Socket } from 'node:net';
import type { CassandraSettings } from '../../src/config/settings/cassandra-settings.ts';
import { FramedServer } from './framed-server.ts';

const opcodes = { ready: 0x02, options: 0x05, supported: 0x06, query: 0x07, result: 0x08 } as const;
const headerBytes = 9;

/** One request that the fake was asked. */
interface Asked {
  readonly socket: Socket;
  readonly version: number;
  readonly streamId: number;
  readonly opcode: number;
  readonly body: Buffer;
}

/**
 * As much of one Cassandra node as the driver needs to connect: one node, no tables. It can refuse
 * connections, or hold back its answers, at the very moment that a test is about.
 */
export class FakeCassandra extends FramedServer {
  readonly #waiting: { readonly words: string; readonly seen: () => void }[] = [];
  readonly #unanswered: Asked[] = [];
  #held: string | undefined;

  static open(): Promise<FakeCassandra> {
    return new FakeCassandra({ headerBytes, lengthAt: 5 }).listen();
  }

  /**
   * Answers no request any more that has these words, such as `system.local`, or `CQL_VERSION` at
   * the start.
   */
  hold(words: string | undefined): void {
    this.#held = words;
  }

  /** Answers what was held until now. */
  answerLate(): void {
    this.#held = undefined;
    for (const asked of this.#unanswered.splice(0)) this.#answer(asked);
  }

  /** Resolves when a request with these words arrives, answered or not. */
  asked(words: string): Promise<void> {
    return new Promise((seen) => this.#waiting.push({ words, seen }));
  }

  protected override answer(socket: Socket, frame: Buffer): void {
    this.#answer({
      socket,
      version: frame.readUInt8(0),
      streamId: frame.readInt16BE(2),
      opcode: frame.readUInt8(4),
      body: frame.subarray(headerBytes),
    });
  }

  #answer(asked: Asked): void {
    const { opcode, body } = asked;
    const words = body.toString('latin1');
    for (const waiting of this.#waiting) if (words.includes(waiting.words)) waiting.seen();
    if (this.#held !== undefined && words.includes(this.#held)) {
      this.#unanswered.push(asked);
      return;
    }
    if (opcode === opcodes.options) send(asked, opcodes.supported, Buffer.alloc(2));
    else if (opcode !== opcodes.query) send(asked, opcodes.ready, Buffer.alloc(0));
    else if (words.includes('system.local')) send(asked, opcodes.result, rows([localRow]));
    else send(asked, opcodes.result, rows([]));
  }
}

function send({ socket, version, streamId }: Asked, opcode: number, body: Buffer): void {
  const header = Buffer.alloc(headerBytes);
  header[0] = 0x80 | version;
  header.writeInt16BE(streamId, 2);
  header[4] = opcode;
  header.writeInt32BE(body.length, 5);
  if (!socket.destroyed) socket.write(Buffer.concat([header, body]));
}

const varchar = Buffer.from([0, 0x0d]);
const uuid = Buffer.from([0, 0x0c]);
const setOfVarchar = Buffer.from([0, 0x22, 0, 0x0d]);

interface Column {
  readonly name: string;
  readonly type: Buffer;
  readonly value: Buffer;
}

const localRow: readonly Column[] = [
  { name: 'data_center', type: varchar, value: Buffer.from('datacenter1') },
  { name: 'rack', type: varchar, value: Buffer.from('rack1') },
  { name: 'release_version', type: varchar, value: Buffer.from('3.11.0') },
  { name: 'host_id', type: uuid, value: Buffer.alloc(16, 1) },
  { name: 'tokens', type: setOfVarchar, value: Buffer.concat([int(1), sized(Buffer.from('0'))]) },
  {
    name: 'partitioner',
    type: varchar,
    value: Buffer.from('org.apache.cassandra.dht.Murmur3Partitioner'),
  },
];

/** RESULT of kind Rows; the columns are always those of `system.local`. */
function rows(values: readonly (readonly Column[])[]): Buffer {
  const [kind, globalTable] = [2, 1];
  const columns = localRow.flatMap(({ name, type }) => [text(name), type]);
  const cells = values.flatMap((row) => row.map(({ value }) => sized(value)));
  return Buffer.concat([
    int(kind),
    int(globalTable),
    int(localRow.length),
    text('system'),
    text('local'),
    ...columns,
    int(values.length),
    ...cells,
  ]);
}

function text(value: string): Buffer {
  const length = Buffer.alloc(2);
  length.writeInt16BE(value.length);
  return Buffer.concat([length, Buffer.from(value)]);
}

function sized(value: Buffer): Buffer {
  return Buffer.concat([int(value.length), value]);
}

function int(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

/** How a session reaches a fake one: `patienceMs` for answers, and between heartbeats. */
export function fakeCassandraSettings(
  { port }: Pick<FakeCassandra, 'port'>,
  patienceMs: number,
  changes: Partial<CassandraSettings['client']> = {},
): CassandraSettings {
  return {
    ...({} as CassandraSettings),
    retries: 1,
    consistency: { read: 'ONE', write: 'ONE', serial: 'LOCAL_SERIAL' },
    client: {
      ...({} as CassandraSettings['client']),
      contactPoints: ['127.0.0.1'],
      port,
      consistency: 'ONE',
      serialConsistency: 'SERIAL',
      fetchSize: 100,
      connectTimeoutMs: 5_000,
      readTimeoutMs: patienceMs,
      heartbeatIntervalMs: patienceMs,
      reconnection: { minDelayMs: 50, maxDelayMs: 50 },
      ...changes,
    },
  };
}
