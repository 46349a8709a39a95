import { connect } from 'node:net';

/** A server that accepts connections may still be starting: only an answer counts. */
const answerTimeoutMs = 2_000;

/** Broker ids in Kafka's answer to Metadata v4; fenced and unregistered brokers are not in it. */
export async function kafkaBrokers(address: string): Promise<readonly number[]> {
  const noTopics = Buffer.alloc(5);
  const answer = await request(address, kafkaRequest(3, 4, noTopics), kafkaFrameLength);
  return readBrokerIds(answer);
}

/** Number of request types that a Kafka listener offers; answered before a SASL login, too. */
export async function kafkaApiCount(address: string): Promise<number> {
  const answer = await request(address, kafkaRequest(18, 0, Buffer.alloc(0)), kafkaFrameLength);
  const error = answer.readInt16BE(8);
  if (error !== 0) throw new Error(`ApiVersions answered error ${error}`);
  return answer.readInt32BE(10);
}

/** Cassandra's answer to STARTUP: it serves requests, or asks for a login first. */
export async function cassandraState(address: string): Promise<'ready' | 'authenticate'> {
  const options = Buffer.concat([Buffer.from([0, 1]), text('CQL_VERSION'), text('3.0.0')]);
  const answer = await request(address, cqlRequest(0x01, options), cqlFrameLength);
  const opcode = answer[4];
  if (opcode === 0x02) return 'ready';
  if (opcode === 0x03) return 'authenticate';
  throw new Error(`STARTUP answered opcode ${opcode}`);
}

/** PostgreSQL's first message to a new session: it asks for a login, or refuses for now. */
export async function postgresAnswers(address: string): Promise<void> {
  const parameters = Buffer.from('user\0probe\0database\0probe\0\0');
  const message = Buffer.alloc(8 + parameters.length);
  message.writeInt32BE(message.length, 0);
  message.writeInt32BE(0x00030000, 4);
  parameters.copy(message, 8);
  const answer = await request(address, message, postgresFrameLength);
  const type = String.fromCharCode(answer[0] ?? 0);
  if (type !== 'R') throw new Error(`PostgreSQL answered ${type}: ${answer.toString('latin1')}`);
}

type FrameLength = (received: Buffer) => number | undefined;

/** Sends one request on a fresh connection and resolves with the first whole frame. */
function request(address: string, bytes: Buffer, frameLength: FrameLength): Promise<Buffer> {
  const { host, port } = parseAddress(address);
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    let received: Buffer = Buffer.alloc(0);
    const fail = (error: Error): void => {
      socket.destroy();
      reject(error);
    };
    socket.setTimeout(answerTimeoutMs, () => fail(new Error(`${address} does not answer`)));
    socket.on('error', fail);
    socket.on('close', () => fail(new Error(`${address} closed the connection`)));
    socket.on('connect', () => socket.write(bytes));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      const length = frameLength(received);
      if (length === undefined || received.length < length) return;
      resolve(received.subarray(0, length));
      socket.destroy();
    });
  });
}

/** Splits `host:port`. */
export function parseAddress(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':');
  const port = Number(address.slice(colon + 1));
  if (colon < 1 || !Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new Error(`'${address}' is not host:port`);
  }
  return { host: address.slice(0, colon), port };
}

function kafkaFrameLength(received: Buffer): number | undefined {
  return received.length < 4 ? undefined : 4 + received.readInt32BE(0);
}

function postgresFrameLength(received: Buffer): number | undefined {
  return received.length < 5 ? undefined : 1 + received.readInt32BE(1);
}

function cqlFrameLength(received: Buffer): number | undefined {
  return received.length < 9 ? undefined : 9 + received.readInt32BE(5);
}

function kafkaRequest(apiKey: number, version: number, body: Buffer): Buffer {
  const header = Buffer.alloc(12);
  header.writeInt16BE(apiKey, 4);
  header.writeInt16BE(version, 6);
  header.writeInt32BE(1, 8);
  const bytes = Buffer.concat([header, text('probe'), body]);
  bytes.writeInt32BE(bytes.length - 4, 0);
  return bytes;
}

function cqlRequest(opcode: number, body: Buffer): Buffer {
  const header = Buffer.from([0x04, 0, 0, 0, opcode, 0, 0, 0, 0]);
  header.writeInt32BE(body.length, 5);
  return Buffer.concat([header, body]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(2);
  length.writeInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** Metadata v4: length, correlation id, throttle, then id, host, port and rack of each broker. */
function readBrokerIds(answer: Buffer): readonly number[] {
  const ids: number[] = [];
  let at = 16;
  for (let left = answer.readInt32BE(12); left > 0; left -= 1) {
    ids.push(answer.readInt32BE(at));
    at = afterText(answer, at + 4) + 4;
    at = afterText(answer, at);
  }
  return ids;
}

function afterText(bytes: Buffer, at: number): number {
  return at + 2 + Math.max(0, bytes.readInt16BE(at));
}
