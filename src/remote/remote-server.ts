import { isUtf8 } from 'node:buffer';
import * as http from 'node:http';
import * as https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { RemoteSettings } from '../config/settings/fleet-settings.ts';
import { ClosedError, ConfigError, DeadlineExceededError } from '../model/errors.ts';
import type { Logger } from '../observability/logger.ts';
import type { RemoteHandler } from '../ports/remote-calls.ts';
import type { Clock } from '../runtime/clock.ts';
import { Occasion } from '../runtime/occasion.ts';
import { onAbort } from '../runtime/on-abort.ts';
import { within } from '../runtime/waiting.ts';
import { type Admission, admit } from './admission.ts';
import { alarm } from './alarm.ts';
import {
  askFirstAboveBytes,
  protocolVersion,
  type RemoteLimits,
  statuses,
  versionHeader,
} from './protocol.ts';

/** What a server works with. */
export interface RemoteServerDeps {
  readonly handler: RemoteHandler;
  readonly log: Logger;
  readonly clock: Clock;
  readonly limits: RemoteLimits;
}

/** Connections beside those of the calls: idle ones of many processes. */
const spareConnections = 1_000;

/** Refusals are logged at most this often: whoever reaches the port can cause them. */
const logEveryMs = 10_000;

type Taken = Extract<Admission, { readonly type: 'admitted' }>;

/** Takes calls of other processes. */
export class RemoteServer implements AsyncDisposable {
  readonly #settings: RemoteSettings;
  readonly #deps: RemoteServerDeps;
  readonly #server: http.Server;
  /** Of each call under way what ends it, and what turns off the alarm of its deadline. */
  readonly #underWay = new Map<AbortController, () => void>();
  /** Of their requests, and of answers that their callers have not read yet. */
  #bytesUnderWay = 0;
  readonly #callEnded = new Occasion();
  /** Calls that have come so far. */
  #arrivals = 0;
  /** Open ones. */
  #connections = 0;
  #isClosing = false;
  #closed: Promise<void> | undefined;
  #nextLogMs = 0;

  private constructor(settings: RemoteSettings, deps: RemoteServerDeps) {
    this.#settings = settings;
    this.#deps = deps;
    this.#server = serverOf(settings, deps.limits);
    this.#server.maxConnections = 2 * settings.maxCallsInFlight + spareConnections;
    this.#server.on('connection', (socket) => {
      this.#connections++;
      socket.once('close', () => this.#connections--);
    });
    this.#server.on('request', (incoming, response) => this.#arrived(incoming, response, false));
    this.#server.on('checkContinue', (incoming, response) => {
      this.#arrived(incoming, response, true);
    });
    this.#server.on('tlsClientError', (error) => this.#logRefusal({ err: error }));
  }

  /**
   * Resolves once it listens.
   *
   * @throws {ConfigError} it cannot listen at the host and port, or the certificates cannot be used
   */
  static async open(settings: RemoteSettings, deps: RemoteServerDeps): Promise<RemoteServer> {
    const server = new RemoteServer(settings, deps);
    const { host, port, bindHost = host } = settings;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.#server.once('error', reject);
    // The kernel takes the smaller of this and its own bound.
    const backlog = settings.maxCallsInFlight;
    server.#server.listen({ host: bindHost, port, backlog }, resolve);
    try {
      await promise;
    } catch (error) {
      throw whyNotListening(settings, error);
    }
    server.#server.off('error', reject);
    server.#server.on('error', (error) => deps.log.error({ err: error }, 'remote server failed'));
    return server;
  }

  /** Where it listens. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#isClosing = true;
    for (const [call, turnOff] of this.#underWay) {
      turnOff();
      call.abort(new ClosedError('this process is closing'));
    }
    const { clock, limits } = this.#deps;
    const ending = async (): Promise<void> => {
      while (this.#underWay.size > 0) await this.#callEnded.wait();
    };
    await within(ending(), limits.closeMs, clock);
    await within(this.#untilQuiet(), limits.closeMs, clock);
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  /**
   * Closing a connection under a call leaves its caller with an unknown outcome. Other processes
   * may not have heard yet that this one leaves, so their calls are refused until no more come.
   */
  async #untilQuiet(): Promise<void> {
    const { clock, limits } = this.#deps;
    for (let arrived = -1; arrived !== this.#arrivals && this.#connections > 0; ) {
      arrived = this.#arrivals;
      await clock.sleep(limits.quietMs);
    }
  }

  #arrived(incoming: http.IncomingMessage, response: http.ServerResponse, asks: boolean): void {
    this.#arrivals++;
    const admission = admit(
      {
        method: incoming.method,
        url: incoming.url,
        headers: incoming.headers,
        callsUnderWay: this.#underWay.size,
        bytesUnderWay: this.#bytesUnderWay,
        isClosing: this.#isClosing,
      },
      this.#settings,
    );
    if (admission.type === 'refused') {
      const { status, why } = admission;
      const { remoteAddress } = incoming.socket;
      this.#logRefusal({ from: remoteAddress, status, why });
      // A caller that asked sends no body now, and the next call would be taken for it. What else
      // is left of a short body is read and dropped.
      const length = Number(incoming.headers['content-length'] ?? Number.POSITIVE_INFINITY);
      if (asks || !(length <= askFirstAboveBytes)) response.shouldKeepAlive = false;
      this.#reply(response, status, '');
      return;
    }
    if (asks) response.writeContinue();
    this.#serve(incoming, response, admission).catch((error: unknown) => {
      this.#deps.log.error({ err: error }, 'answering a call of another process failed');
      response.destroy();
    });
  }

  async #serve(
    incoming: http.IncomingMessage,
    response: http.ServerResponse,
    { name, deadlineMs, bytes }: Taken,
  ): Promise<void> {
    const call = new AbortController();
    const turnOff = alarm(deadlineMs, this.#deps.clock, () => {
      call.abort(new DeadlineExceededError(`call ${name} took longer than its ${deadlineMs} ms`));
    });
    this.#underWay.set(call, turnOff);
    let held = bytes;
    this.#bytesUnderWay += bytes;
    response.once('close', () => {
      if (!response.writableFinished) call.abort(new ClosedError(`the caller of ${name} has gone`));
    });
    try {
      const body = await bodyOf(incoming, bytes, call.signal);
      if (body === undefined && this.#isClosing) this.#reply(response, statuses.closing, '');
      else if (body === undefined) response.destroy();
      else if (!isUtf8(body)) this.#reply(response, statuses.badRequest, '');
      else await this.#handle(response, name, body.toString(), call.signal);
      if (response.writableLength > 0) {
        held += response.writableLength;
        this.#bytesUnderWay += response.writableLength;
        await this.#written(response);
      }
    } finally {
      turnOff();
      this.#bytesUnderWay -= held;
      this.#underWay.delete(call);
      this.#callEnded.fire();
    }
  }

  async #handle(
    response: http.ServerResponse,
    name: string,
    body: string,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      const answer = await this.#deps.handler({ name, body }, signal);
      const isTooLarge = Buffer.byteLength(answer.body) > this.#settings.maxMessageBytes;
      if (isTooLarge) this.#reply(response, statuses.answerTooLarge, '');
      else this.#reply(response, statuses[answer.type], answer.body);
    } catch (error) {
      this.#deps.log.error({ err: error, name }, 'the handler of a call has thrown');
      this.#reply(response, statuses.handlerFailed, '');
    }
  }

  #reply(response: http.ServerResponse, status: number, body: string): void {
    response.sendDate = false;
    response.writeHead(status, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      [versionHeader]: protocolVersion,
    });
    response.end(body);
  }

  /** A caller that does not read its answer is cut off: else answers would pile up here. */
  async #written(response: http.ServerResponse): Promise<void> {
    const { clock, limits } = this.#deps;
    const written = new Promise((resolve) => response.once('close', resolve));
    if ((await within(written, limits.headersMs, clock)) === 'expired') response.destroy();
  }

  #logRefusal(fields: Readonly<Record<string, unknown>>): void {
    const steadyMs = this.#deps.clock.steadyMs();
    if (steadyMs < this.#nextLogMs) return;
    this.#nextLogMs = steadyMs + logEveryMs;
    this.#deps.log.warn(fields, 'refused a call of another process; the next ones are not logged');
  }
}

function serverOf({ tls }: RemoteSettings, limits: RemoteLimits): http.Server {
  const options: http.ServerOptions = {
    headersTimeout: limits.headersMs,
    // The deadline of a call bounds the time of its body, too.
    requestTimeout: 0,
    connectionsCheckingInterval: Math.min(limits.headersMs, 1_000),
    keepAliveTimeout: limits.idleAtServerMs,
  };
  if (tls === undefined) return http.createServer(options);
  try {
    return https.createServer({
      ...options,
      ca: tls.ca,
      cert: tls.certificate,
      key: tls.key,
      requestCert: true,
      rejectUnauthorized: true,
      handshakeTimeout: limits.headersMs,
    });
  } catch (error) {
    const why = 'ca, certificate and key cannot be used; each must be PEM, and the key unencrypted';
    throw configError('fleet.remote.tls', why, error);
  }
}

function whyNotListening({ host, bindHost, port }: RemoteSettings, error: unknown): ConfigError {
  const where = `cannot listen at host ${bindHost ?? host}, port ${port}`;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') {
    return configError('fleet.remote.port', `${where}: another process uses it`, error);
  }
  if (code === 'EACCES') return configError('fleet.remote.port', `${where}: no right to it`, error);
  const key = bindHost === undefined ? 'host' : 'bind-host';
  return configError(`fleet.remote.${key}`, `${where}: it must be an address of this one`, error);
}

function configError(path: string, message: string, cause: unknown): ConfigError {
  return new ConfigError([{ path, file: undefined, line: undefined, message }], { cause });
}

/** `undefined` when the call is to end before its body is there. */
function bodyOf(
  incoming: http.IncomingMessage,
  bytes: number,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const stopListening = onAbort(signal, () => resolve(undefined));
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('error', () => resolve(undefined));
    incoming.on('end', () => {
      stopListening();
      resolve(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, bytes));
    });
  });
}
