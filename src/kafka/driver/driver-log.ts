import type { logCreator } from 'kafkajs';
import type { Logger } from '../../observability/logger.ts';
import type { Clock } from '../../runtime/clock.ts';
import { refusals } from './kafkajs.ts';

const errorLevel = 1;
/** The same trouble is told again after this time at the earliest. */
const repeatMs = 300_000;
const maxKinds = 100;

interface Trouble {
  readonly kind: string;
  readonly advice: string;
  /**
   * Whether it is tried again without the caller's doing, by the driver or by our loops around it;
   * `undefined` = nobody knows.
   */
  readonly retried: boolean | undefined;
}

interface KnownTrouble extends Trouble {
  readonly pattern: RegExp;
}

/** The first that fits counts. Groups join again after answers that the driver itself gives up on. */
const known: readonly KnownTrouble[] = [
  {
    pattern: /no Kafka broker sends/,
    kind: 'a server does not speak the protocol of Kafka',
    advice: 'look at bootstrap-servers, security-protocol, and advertised.listeners',
    retried: true,
  },
  {
    pattern: /sasl|authenticat/i,
    kind: 'the broker refuses the login',
    advice: 'look at the user, the password and the SASL mechanism',
    retried: false,
  },
  {
    pattern: /authoriz/i,
    kind: 'this user lacks a right',
    advice: 'look at its grants (ACLs)',
    retried: false,
  },
  {
    pattern: /coordinator|rebalanc|generation/i,
    kind: 'the group coordinator moves or the group rebalances',
    advice: 'look for members that come and go, and at the topic __consumer_offsets',
    retried: true,
  },
];

const passing: readonly KnownTrouble[] = [
  {
    pattern: /leader|hosts? this topic-partition/i,
    kind: 'a partition has no leader at the moment',
    advice: 'look at the brokers and at the replicas of the partition',
    retried: true,
  },
  {
    pattern: /in-sync|replicas/i,
    kind: 'too few replicas of a partition are in sync',
    advice: 'look at the brokers and at min.insync.replicas',
    retried: true,
  },
  {
    pattern: /connect|closed|socket|timed out|timeout|answer/i,
    kind: 'a broker cannot be reached or does not answer',
    advice: 'look at the broker, the network, and advertised.listeners',
    retried: true,
  },
];

/**
 * kafkajs's own lines go to debug. A failure is told once as a warning, with what to do: one that is
 * retried, when it persists; a refusal at once, since nobody tries it again. What a client says
 * after it was closed is of no interest.
 */
export function driverLog(log: Logger, clock: Clock, isClosed: () => boolean): logCreator {
  const toldAtMs = new Map<string, number>();
  return () =>
    ({ namespace, level, log: entry }) => {
      const { message, timestamp: _, logger: __, error: err, ...fields } = entry;
      log.debug({ namespace, ...fields, err }, message);
      if (level !== errorLevel || isClosed()) return;
      const trouble = troubleOf(message, err);
      const { kind } = trouble;
      const told = toldAtMs.get(kind);
      if (told !== undefined && clock.nowMs() - told < repeatMs) return;
      if (toldAtMs.size >= maxKinds) toldAtMs.clear();
      toldAtMs.set(kind, clock.nowMs());
      log.warn({ namespace, broker: fields['broker'], detail: message }, textOf(trouble));
    };
}

function textOf({ kind, advice, retried }: Trouble): string {
  if (retried === false) return `Kafka: ${kind}; the driver does not try again: ${advice}`;
  const fact = retried ? `${kind}; the driver retries by itself` : kind;
  return `Kafka: ${fact}. If this persists, ${advice}`;
}

function troubleOf(message: string, error: unknown): Trouble {
  const detail = typeof error === 'string' ? error : '';
  const text = `${message} ${detail}`;
  const refused = refusals.has(message) || refusals.has(detail);
  const kinds = refused ? known : [...known, ...passing];
  const found = kinds.find(({ pattern }) => pattern.test(text));
  if (found !== undefined) return found;
  const kind = detail === '' ? message : `${message}: ${detail}`;
  return { kind, advice: 'look at the broker', retried: refused ? false : undefined };
}
