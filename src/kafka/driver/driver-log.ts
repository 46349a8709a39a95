import type { logCreator } from 'kafkajs';
import type { Logger } from '../../observability/logger.ts';
import type { Clock } from '../../runtime/clock.ts';

const errorLevel = 1;
/** The same trouble is told again after this time at the earliest. */
const repeatMs = 300_000;
const maxKinds = 100;

const advice: readonly (readonly [pattern: RegExp, kind: string, advice: string])[] = [
  [
    /leader|hosts? this topic-partition/i,
    'a partition has no leader at the moment',
    'look at the brokers and at the replicas of the partition',
  ],
  [
    /coordinator|rebalanc|generation/i,
    'the group coordinator moves or the group rebalances',
    'look for members that come and go, and at the topic __consumer_offsets',
  ],
  [
    /in-sync|replicas/i,
    'too few replicas of a partition are in sync',
    'look at the brokers and at min.insync.replicas',
  ],
  [
    /connect|closed|socket|timed out|timeout|answer/i,
    'a broker cannot be reached or does not answer',
    'look at the broker, the network, and advertised.listeners',
  ],
];

/**
 * kafkajs's own lines go to debug. A failure that it retries by itself is told once as a warning,
 * with what to do when it persists. What a client says after it was closed is of no interest.
 */
export function driverLog(log: Logger, clock: Clock, isClosed: () => boolean): logCreator {
  const toldAtMs = new Map<string, number>();
  return () =>
    ({ namespace, level, log: entry }) => {
      const { message, timestamp: _, logger: __, ...fields } = entry;
      log.debug({ namespace, ...fields }, message);
      if (level !== errorLevel || isClosed()) return;
      const [kind, todo] = kindOf(message, fields['error']);
      const told = toldAtMs.get(kind);
      if (told !== undefined && clock.nowMs() - told < repeatMs) return;
      if (toldAtMs.size >= maxKinds) toldAtMs.clear();
      toldAtMs.set(kind, clock.nowMs());
      log.warn(
        { namespace, broker: fields['broker'], detail: message },
        `Kafka: ${kind}; the driver retries by itself. If this persists, ${todo}`,
      );
    };
}

function kindOf(message: string, error: unknown): readonly [kind: string, advice: string] {
  const text = `${message} ${typeof error === 'string' ? error : ''}`;
  const known = advice.find(([pattern]) => pattern.test(text));
  return known === undefined ? [message, 'look at the broker'] : [known[1], known[2]];
}
