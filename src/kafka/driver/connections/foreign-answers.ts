import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import kafkajs from 'kafkajs';
import { AnswerFrames, FramingError } from '../wire/answer-frames.ts';
import { answerWatchOf } from './answer-watch.ts';

const require = createRequire(import.meta.url);

/** The members of kafkajs's connection that are used here. */
interface Connection {
  readonly host: string;
  readonly port: number;
  readonly socket?: Socket;
  readonly requestTimeout: number;
  /** Longest time until a connection can be used. */
  readonly connectionTimeout: number;
  /** Of the next request. */
  readonly correlationId: number;
  readonly authHandlers: { onSuccess(bytes: Buffer): void } | null;
  readonly authExpectResponse: boolean;
  readonly requestQueue: { fulfillRequest(answer: QueuedAnswer): void };
  processData: (this: Connection, bytes: Buffer) => void;
  send: (this: Connection, request: ConnectionRequest) => Promise<unknown>;
}

interface QueuedAnswer {
  readonly correlationId: number;
  readonly payload: Buffer;
  readonly size: number;
}

interface ConnectionRequest {
  readonly request: { readonly apiName?: string };
  readonly response: {
    decode(bytes: Buffer): Promise<unknown>;
    parse(decoded: unknown): Promise<unknown>;
  };
}

const { prototype } = require('kafkajs/src/network/connection') as { prototype: Connection };

const lengthBytes = 4;
const headerBytes = 8;
const shownBytes = 16;

/**
 * What came over a connection is not Kafka's protocol, or not an answer to what was asked. kafkajs
 * takes it for a connection that failed: its requests fail, and another broker is tried.
 */
export class ForeignAnswerError extends kafkajs.KafkaJSConnectionError {
  override readonly name = 'KafkaJSConnectionError';
}

/**
 * kafkajs believes whatever it is sent: a length that is none throws out of its socket's listener
 * and ends the process, and an answer that does not decode fails the request but keeps the
 * connection. Here a connection whose bytes are not understood is closed, and its requests fail.
 */
export function closeOnForeignAnswers(): void {
  const { processData, send } = prototype;
  prototype.processData = function (bytes) {
    if (this.authHandlers !== null && !this.authExpectResponse) {
      processData.call(this, bytes);
      return;
    }
    try {
      process(this, bytes);
    } catch (error) {
      const seen = error instanceof FramingError ? error.bytes : bytes;
      this.socket?.destroy(foreignAnswer(this, (error as Error).message, seen));
    }
  };
  prototype.send = async function (request) {
    const isGreeting = greetings.includes(request.request.apiName);
    if (!isGreeting) return send.call(this, understood(this, request));
    const { connectionTimeout, socket } = this;
    const late = new Error(`no answer to the first request within ${connectionTimeout} ms`);
    const bound = setTimeout(() => socket?.destroy(late), connectionTimeout).unref();
    try {
      return await send.call(this, understood(this, request));
    } catch (error) {
      throw asConnectionError(this, request, error);
    } finally {
      clearTimeout(bound);
    }
  };
}

/** Requests that a connection begins with. */
const greetings: readonly (string | undefined)[] = [
  'ApiVersions',
  'SaslHandshake',
  'SaslAuthenticate',
];
const noAnswers: readonly string[] = ['KafkaJSConnectionClosedError', 'KafkaJSRequestTimeoutError'];

/**
 * The error of a first request, as that of a failed connection. Only after such an error does
 * kafkajs try another bootstrap server, not after silence; and it takes a connection whose first
 * answer is an error for connected.
 */
function asConnectionError(
  { host, port, socket }: Connection,
  { request }: ConnectionRequest,
  error: unknown,
): unknown {
  const { name, message, type } = error as Error & { type?: string };
  const isRefused = request.apiName === 'ApiVersions' && type !== 'UNSUPPORTED_VERSION';
  if (!isRefused && !noAnswers.includes(name)) return error;
  const failed = new kafkajs.KafkaJSConnectionError(message, { broker: `${host}:${port}` });
  socket?.destroy(type === undefined ? undefined : failed);
  return failed;
}

const frames = new WeakMap<Connection, AnswerFrames>();

/**
 * Hands whole answers to the login under way, or to the requests that they belong to.
 *
 * @throws {FramingError} the bytes are no answers to what was asked
 */
function process(connection: Connection, bytes: Buffer): void {
  let reader = frames.get(connection);
  if (reader === undefined) {
    reader = new AnswerFrames();
    frames.set(connection, reader);
  }
  const watch = answerWatchOf(connection.socket);
  for (const frame of reader.take(bytes)) {
    watch?.answered();
    if (connection.authHandlers !== null) {
      connection.authHandlers.onSuccess(frame);
      continue;
    }
    const correlationId = frame.readInt32BE(lengthBytes);
    // An answer that comes after kafkajs has given up its request has an earlier number.
    if (correlationId < 0 || correlationId >= connection.correlationId) {
      throw new FramingError(`an answer to request ${correlationId}, which was never sent`, frame);
    }
    connection.requestQueue.fulfillRequest({
      correlationId,
      payload: frame.subarray(headerBytes),
      size: frame.length - lengthBytes,
    });
  }
  if (reader.partialBytes > 0) watch?.begun(reader.partialBytes);
}

/** The request, whose answer closes the connection when it cannot be understood. */
function understood(connection: Connection, request: ConnectionRequest): ConnectionRequest {
  const { response } = request;
  let bytes: Buffer = Buffer.alloc(0);
  const failing = (error: unknown): never => {
    // Decoders throw these over bytes that they do not expect, and nothing else does.
    const isNotUnderstood =
      error instanceof RangeError || error instanceof TypeError || error instanceof SyntaxError;
    if (!isNotUnderstood) throw error;
    const { apiName = 'request' } = request.request;
    const what = `an answer to ${apiName} that cannot be decoded`;
    const foreign = foreignAnswer(connection, what, bytes, error);
    connection.socket?.destroy(foreign);
    throw foreign;
  };
  return {
    ...request,
    response: {
      decode: async (payload) => {
        bytes = payload;
        try {
          const answer = (await response.decode(payload)) as Throttled | undefined;
          // A broker may make a client wait; not longer than a request may take.
          const limitMs = connection.requestTimeout;
          if ((answer?.clientSideThrottleTime ?? 0) <= limitMs) return answer;
          return { ...answer, clientSideThrottleTime: limitMs };
        } catch (error) {
          return failing(error);
        }
      },
      parse: async (decoded) => {
        try {
          const answer = await response.parse(decoded);
          // Zeros decode to a broker that knows no request, or to a cluster without a broker.
          const { apiVersions, brokers } = (answer ?? {}) as Readonly<Record<string, unknown>>;
          if (isEmpty(apiVersions)) throw new RangeError('it knows no request');
          if (isEmpty(brokers)) throw new RangeError('it names no broker');
          return answer;
        } catch (error) {
          return failing(error);
        }
      },
    },
  };
}

interface Throttled {
  readonly clientSideThrottleTime?: number;
}

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

function foreignAnswer(
  { host, port }: Connection,
  what: string,
  bytes: Buffer,
  cause?: unknown,
): ForeignAnswerError {
  const shown = bytes.subarray(0, shownBytes);
  const more = bytes.length > shownBytes ? ' ...' : '';
  const hex = shown.toString('hex').replace(/..(?!$)/g, '$& ');
  const error = new ForeignAnswerError(
    `${host}:${port} sent what no Kafka broker sends: ${what}, ` +
      `${shown.length === 0 ? 'empty' : `first bytes ${hex}${more}`}. ${hintOf(shown)}`,
    { broker: `${host}:${port}` },
  );
  return cause === undefined ? error : Object.assign(error, { cause });
}

/** What the server may be, judged by its first bytes. */
function hintOf(bytes: Buffer): string {
  if (bytes.subarray(0, 4).toString('latin1') === 'HTTP') {
    return 'It is an HTTP server: is the port of bootstrap-servers a Kafka listener?';
  }
  // A TLS record: content type 20 to 23, then version 3.x.
  const type = bytes[0] ?? 0;
  if (type >= 20 && type <= 23 && bytes[1] === 3) {
    return 'It speaks TLS: set security-protocol to SSL or SASL_SSL';
  }
  return 'Is it a Kafka listener, and is its TLS that of security-protocol?';
}
