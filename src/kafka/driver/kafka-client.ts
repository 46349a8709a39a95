import type { KafkaSettings } from '../../config/settings/kafka-settings.ts';
import { LogUnavailableError } from '../../model/errors.ts';
import type { Logger } from '../../observability/logger.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import { type Clock, systemClock } from '../../runtime/clock.ts';
import { unlessAborted, within } from '../../runtime/waiting.ts';
import { DriverSockets } from './connections/sockets.ts';
import { driverLog } from './driver-log.ts';
import { type Kafka, newKafka } from './kafkajs.ts';

/** What every part of the adapter is opened with. */
export interface KafkaDeps {
  readonly log: Logger;
  readonly clock: Clock;
}

export interface ClientOptions {
  /** How often the driver itself tries; our loops try again after that. */
  readonly retries: number;
  /** Told apart in the broker's logs and quotas. */
  readonly clientId?: string;
}

/** One kafkajs client and its sockets. */
export interface KafkaClient {
  readonly kafka: Kafka;
  readonly sockets: DriverSockets;
}

const initialRetryMs = 50;
const maxRetryMs = 1_000;
/** A broker may be silent for so long before another one is asked; GC pauses stay below it. */
const maxAnswerMs = 10_000;
const answerMarginMs = 1_000;

export function createClient(
  settings: KafkaSettings,
  { log, clock }: KafkaDeps,
  options: ClientOptions,
): KafkaClient {
  const { consumer, sasl, tls } = settings;
  const sockets = new DriverSockets({
    answerMs: answerDeadlineMs(settings),
    joinMs: consumer.maxPollIntervalMs + maxAnswerMs,
    wholeMs: settings.requestTimeoutMs,
  });
  const kafka = newKafka({
    brokers: startingAt(clients++, settings.bootstrapServers),
    clientId: options.clientId ?? settings.clientId,
    connectionTimeout: settings.connectionTimeoutMs,
    requestTimeout: settings.requestTimeoutMs,
    retry: { initialRetryTime: initialRetryMs, maxRetryTime: maxRetryMs, retries: options.retries },
    socketFactory: sockets.factory,
    logCreator: driverLog(log, clock, () => sockets.isClosed),
    ...(sasl === undefined ? {} : { sasl: { ...sasl } as never }),
    ...(tls === undefined ? {} : { ssl: { rejectUnauthorized: true, ...authorities(tls.ca) } }),
  });
  return { kafka, sockets };
}

/** Made so far: each client asks another bootstrap server first, as the one before may be of no use. */
let clients = 0;

function startingAt(index: number, servers: readonly string[]): string[] {
  const start = index % Math.max(1, servers.length);
  return [...servers.slice(start), ...servers.slice(0, start)];
}

function authorities(ca: readonly string[]): { ca?: string[] } {
  return ca.length === 0 ? {} : { ca: [...ca] };
}

/** Longest silence of a broker that owes an answer: above the longest fetch wait. */
export function answerDeadlineMs({ requestTimeoutMs, consumer }: KafkaSettings): number {
  const wanted = Math.min(requestTimeoutMs, maxAnswerMs);
  return Math.max(wanted, consumer.fetchMaxWaitMs + answerMarginMs);
}

export function addressOf(settings: { readonly bootstrapServers: readonly string[] }): string {
  return settings.bootstrapServers.join(', ');
}

/** Longest wait for a first answer from any broker. */
export interface ConnectOptions extends CallOptions {
  readonly limitMs: number;
  readonly address: string;
}

/**
 * Waits for `connecting`, bounded. kafkajs itself would go on for ever, or give up within a second.
 *
 * @throws {LogUnavailableError} no broker answered in time; names the addresses
 * @throws what `connecting` fails with
 * @throws the abort reason when `signal` fires
 */
export async function connectWithin(
  client: KafkaClient,
  connecting: () => Promise<void>,
  { limitMs, address, signal }: ConnectOptions,
): Promise<void> {
  signal?.throwIfAborted();
  const connected = unlessAborted(connecting(), signal);
  if ((await within(connected, limitMs, systemClock)) !== 'expired') return;
  const { lastError: cause, troubles } = client.sockets;
  const detail = troubles === '' ? '' : `: ${troubles}`;
  throw new LogUnavailableError(
    `no Kafka broker answered at ${address} within ${limitMs} ms${detail}`,
    { cause },
  );
}
