import type { logCreator } from 'kafkajs';
import type { Logger } from '../../observability/logger.ts';
import type { Clock } from '../../runtime/clock.ts';
import { refusals } from './kafkajs.ts';

const errorLevel = 1;
/** The same trouble is logged again after this time at the earliest. */
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

/**
 * The first that fits counts. `retried` holds for groups too: they join again after answers after
 * which the driver itself gives up.
 */
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
    pattern: /hosts? this topic-partition/i,
    kind: 'a topic does not exist, or a partition has another leader at the moment',
    advice: 'look whether the topic is there, and at the replicas of the partition',
    retried: true,
  },
  {
    pattern: /leader/i,
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
 * kafkajs's own lines go to debug. Each kind of failure is also a warning, once in a while, which
 * says what to do: when it persists if it is retried, at once if nobody tries again. Failures of a
 * client that was closed are no warnings.
 */
export function driverLog(log: Logger, clock: Clock, isClosed: () => boolean): logCreator {
  const warnedAtMs = new Map<string, number>();
  return () =>
    ({ namespace, level, log: entry }) => {
      const { message, timestamp: _, logger: __, error: err, ...fields } = entry;
      log.debug({ namespace, ...fields, err }, message);
      if (level !== errorLevel || isClosed()) return;
      const trouble = troubleOf(message, err);
      const { kind, advice, retried } = trouble;
      const warned = warnedAtMs.get(kind);
      if (warned !== undefined && clock.steadyMs() - warned < repeatMs) return;
      if (warnedAtMs.size >= maxKinds) warnedAtMs.clear();
      warnedAtMs.set(kind, clock.steadyMs());
      const text =
        retried === false
          ? `${kind}; the driver does not try again: ${advice}`
          : `${kind}${retried ? '; the driver retries by itself' : ''}. If this persists, ${advice}`;
      log.warn({ namespace, broker: fields['broker'], detail: message }, `Kafka: ${text}`);
    };
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
