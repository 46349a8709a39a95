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

/** How one client differs from the others of its settings. */
export interface ClientOptions {
  /** How often the driver itself tries; our loops try again after that. */
  readonly retries: number;
  /** Names it in the broker's logs and quotas; else that of the settings. */
  readonly clientId?: string;
  /** Longest wait for the answer to a heartbeat; as for other answers unless given. */
  readonly heartbeatAnswerMs?: number;
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

/** Makes a client; it connects to nothing yet. Whoever uses it closes its sockets. */
export function createClient(
  settings: KafkaSettings,
  { log, clock }: KafkaDeps,
  options: ClientOptions,
): KafkaClient {
  const { consumer, sasl, tls } = settings;
  const { bootstrapServers: servers } = settings;
  const start = clients++ % Math.max(1, servers.length);
  const sockets = new DriverSockets({
    answerMs: answerDeadlineMs(settings),
    joinMs: consumer.maxPollIntervalMs + maxAnswerMs,
    heartbeatMs: options.heartbeatAnswerMs ?? answerDeadlineMs(settings),
    wholeMs: settings.requestTimeoutMs,
  });
  const kafka = newKafka({
    brokers: [...servers.slice(start), ...servers.slice(0, start)],
    clientId: options.clientId ?? settings.clientId,
    connectionTimeout: settings.connectionTimeoutMs,
    requestTimeout: settings.requestTimeoutMs,
    retry: { initialRetryTime: initialRetryMs, maxRetryTime: maxRetryMs, retries: options.retries },
    socketFactory: sockets.factory,
    logCreator: driverLog(log, clock, () => sockets.isClosed),
    ...(sasl === undefined ? {} : { sasl: { ...sasl } as never }),
    ...(tls === undefined
      ? {}
      : { ssl: { rejectUnauthorized: true, ...(tls.ca.length === 0 ? {} : { ca: [...tls.ca] }) } }),
  });
  return { kafka, sockets };
}

/**
 * Clients made so far. Each one asks another bootstrap server first: the one before may have failed
 * because its first server is of no use.
 */
let clients = 0;

/** Longest silence of a broker that owes an answer: above the longest fetch wait. */
export function answerDeadlineMs({ requestTimeoutMs, consumer }: KafkaSettings): number {
  const wanted = Math.min(requestTimeoutMs, maxAnswerMs);
  return Math.max(wanted, consumer.fetchMaxWaitMs + answerMarginMs);
}

/** The bootstrap servers as one text, for messages. */
export function addressOf({ bootstrapServers }: Pick<KafkaSettings, 'bootstrapServers'>): string {
  return bootstrapServers.join(', ');
}

/** The bounds of `connectWithin`, and what its error names. */
export interface ConnectOptions extends CallOptions {
  /** Longest wait for a first answer from any broker. */
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
