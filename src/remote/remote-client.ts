import * as http from 'node:http';
import * as https from 'node:https';
import { createSecureContext } from 'node:tls';
import type { RemoteSettings } from '../config/settings/fleet-settings.ts';
import { ClosedError, InvalidInputError, RemoteCallError } from '../model/errors.ts';
import type { RemoteCallOptions, RemoteRequest, RemoteResponse } from '../ports/remote-calls.ts';
import type { Clock } from '../runtime/clock.ts';
import { onAbort } from '../runtime/on-abort.ts';
import { alarm } from './alarm.ts';
import { Exchange } from './exchange.ts';
import { type CallMade, judgeCall, notTaken } from './judge-call.ts';
import {
  callName,
  deadlineHeader,
  maxDeadlineMs,
  pathPrefix,
  protocolVersion,
  type RemoteLimits,
} from './protocol.ts';

/** Unused connections to one process that stay open. */
const idlePerPeer = 1_024;

/**
 * Sends calls, each on a connection of its own for as long as it takes: a slow call holds up no
 * other one. So there are never more busy connections than calls under way, and no call waits for
 * a connection that is in use.
 */
export class RemoteClient {
  readonly #settings: RemoteSettings;
  readonly #clock: Clock;
  readonly #limits: RemoteLimits;
  readonly #agent: http.Agent;
  /** With the bytes of their requests, and of what has come of their answers. */
  readonly #underWay = new Map<Exchange, number>();
  #bytesUnderWay = 0;
  #isClosed = false;

  constructor(settings: RemoteSettings, clock: Clock, limits: RemoteLimits) {
    this.#settings = settings;
    this.#clock = clock;
    this.#limits = limits;
    const options = {
      keepAlive: true,
      maxFreeSockets: idlePerPeer,
      timeout: limits.idleAtCallerMs,
    };
    const { tls } = settings;
    this.#agent =
      tls === undefined
        ? new http.Agent(options)
        : new https.Agent({
            ...options,
            // Made once: the PEM texts would be read again for each connection.
            secureContext: createSecureContext({
              ca: tls.ca,
              cert: tls.certificate,
              key: tls.key,
            }),
            rejectUnauthorized: true,
          });
  }

  /**
   * As of the port.
   *
   * @throws as `RemoteCalls.call`
   * @throws {InvalidInputError} the name or the timeout is none; nothing was sent
   */
  async call(
    address: string,
    { name, body }: RemoteRequest,
    { signal, peerGone, timeoutMs, isUrgent = false }: RemoteCallOptions,
  ): Promise<RemoteResponse> {
    if (!callName.test(name)) {
      throw new InvalidInputError(`${name} is no name of a call: lower-case letters and hyphens`);
    }
    if (!(timeoutMs > 0))
      throw new InvalidInputError(`timeoutMs must be above 0, not ${timeoutMs}`);
    signal?.throwIfAborted();
    if (this.#isClosed) throw new ClosedError('calls to other processes are closed');
    const call = { address, name, bytes: Buffer.byteLength(body) };
    const deadlineMs = Math.min(Math.ceil(timeoutMs), maxDeadlineMs);
    this.#checkBounds(call, isUrgent);
    const exchange = this.#begin(call, body, deadlineMs);
    const stopListening = onAbort(signal, (reason) => exchange.end({ type: 'aborted', reason }));
    const stopWatching = onAbort(peerGone, () => exchange.end({ type: 'gone' }));
    const alarms = [this.#expiry(exchange, deadlineMs)];
    // A new connection: the process there may be gone, or stand still.
    if (!exchange.isSent && this.#limits.reachMs < deadlineMs) {
      alarms.push(this.#expiry(exchange, this.#limits.reachMs, 'only if not sent'));
    }
    try {
      const end = await exchange.ended;
      if (end.type === 'aborted') throw end.reason;
      const outcome = judgeCall(call, end, exchange.isSent);
      if (outcome instanceof RemoteCallError) throw outcome;
      return outcome;
    } finally {
      this.#bytesUnderWay -= this.#underWay.get(exchange) ?? 0;
      this.#underWay.delete(exchange);
      stopListening();
      stopWatching();
      for (const off of alarms) off();
    }
  }

  /** Ends the calls under way, and closes the connections. */
  dispose(): void {
    this.#isClosed = true;
    for (const exchange of this.#underWay.keys()) exchange.end({ type: 'closing' });
    this.#agent.destroy();
  }

  #expiry(exchange: Exchange, afterMs: number, when?: 'only if not sent'): () => void {
    return alarm(afterMs, this.#clock, () => {
      if (when === undefined || !exchange.isSent) exchange.end({ type: 'expired', afterMs });
    });
  }

  #begin(call: CallMade, body: string, deadlineMs: number): Exchange {
    const { token, tls } = this.#settings;
    const target = URL.parse(call.address);
    if (target?.protocol !== (tls === undefined ? 'http:' : 'https:')) {
      const why = `the address must be ${tls === undefined ? 'http' : 'https'}://host:port`;
      throw notTaken(call, `${why}; fleet.remote.tls must be set in all processes, or in none`, {
        retryable: false,
      });
    }
    const outgoing = (tls === undefined ? http : https).request({
      agent: this.#agent,
      method: 'POST',
      host: target.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: target.port,
      path: `${pathPrefix}${protocolVersion}/${call.name}`,
      headers: {
        'content-type': 'application/json',
        'content-length': call.bytes,
        [deadlineHeader]: deadlineMs,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
    });
    const exchange = new Exchange(outgoing, {
      body,
      bytes: call.bytes,
      maxAnswerBytes: this.#settings.maxMessageBytes,
      onBytes: (bytes) => this.#count(exchange, bytes),
    });
    this.#underWay.set(exchange, 0);
    this.#count(exchange, call.bytes);
    return exchange;
  }

  /** What comes after the end of a call is read no more. */
  #count(exchange: Exchange, bytes: number): void {
    const before = this.#underWay.get(exchange);
    if (before === undefined) return;
    this.#underWay.set(exchange, before + bytes);
    this.#bytesUnderWay += bytes;
  }

  /** @throws {RemoteCallError} nothing was sent */
  #checkBounds(call: CallMade, isUrgent: boolean): void {
    const { maxCallsInFlight, maxMessageBytes, maxBytesInFlight } = this.#settings;
    if (call.bytes > maxMessageBytes) {
      const bound = `the ${maxMessageBytes} bytes of fleet.remote.max-message-size`;
      throw notTaken(call, `its ${call.bytes} bytes are more than ${bound}`, { retryable: false });
    }
    if (isUrgent) return;
    if (this.#underWay.size >= maxCallsInFlight) {
      const bound = `the ${maxCallsInFlight} of fleet.remote.max-calls-in-flight`;
      throw notTaken(call, `as many calls are under way here as may be, ${bound}`, {
        retryable: true,
      });
    }
    if (this.#bytesUnderWay + call.bytes > maxBytesInFlight) {
      const bound = `the ${maxBytesInFlight} of fleet.remote.max-size-in-flight`;
      const why = `with its ${call.bytes} bytes more are under way here than may be, ${bound}`;
      throw notTaken(call, why, { retryable: true });
    }
  }
}
