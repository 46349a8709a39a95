import type { GroupMembership } from '../driver/group-membership.ts';
import { type CallPlace, protocolErrorOf } from '../driver-errors.ts';
import type { LogCluster } from '../log-cluster.ts';

/** Answers of a group that lives, but goes on without this try. */
const regrouping: readonly (string | undefined)[] = [
  'REBALANCE_IN_PROGRESS',
  'ILLEGAL_GENERATION',
  'UNKNOWN_MEMBER_ID',
];
const regroupPauseMs = 50;
const firstPauseMs = 50;
const maxPauseMs = 1_000;

/** What is joined, and until when. */
export interface JoiningOptions {
  readonly place: Omit<CallPlace, 'address'>;
  readonly signal: AbortSignal;
}

/**
 * Joins until it succeeds. A join takes as long as the slowest member needs. Failures of the log
 * are retried for the request timeout, counted from the first of them in a row.
 *
 * @throws {JournalError} what the last try failed with, mapped
 * @throws {ClosedError} the cluster is closed
 * @throws the abort reason when `signal` fires
 */
export async function joinGroup(
  cluster: LogCluster,
  membership: GroupMembership,
  { place, signal }: JoiningOptions,
): Promise<readonly number[]> {
  const { clock, log } = cluster.deps;
  let failingSinceMs: number | undefined;
  let pauseMs = firstPauseMs;
  for (;;) {
    signal.throwIfAborted();
    try {
      return await membership.join();
    } catch (error) {
      const type = protocolErrorOf(error);
      const { topic, group } = place;
      log.debug({ topic, group, err: error }, 'joining the consumer group failed');
      if (regrouping.includes(type)) {
        failingSinceMs = undefined;
        pauseMs = firstPauseMs;
        await cluster.pause(regroupPauseMs, { signal });
        continue;
      }
      const mapped = cluster.errorOf(error, place);
      failingSinceMs ??= clock.steadyMs();
      const lastedMs = clock.steadyMs() - failingSinceMs;
      if (!mapped.retryable || lastedMs > cluster.settings.requestTimeoutMs) throw mapped;
    }
    await cluster.pause(pauseMs, { signal });
    pauseMs = Math.min(pauseMs * 2, maxPauseMs);
    await cluster.driver.refreshMetadata().catch(() => undefined);
  }
}
