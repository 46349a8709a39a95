import { ClosedError } from '../../src/model/errors.ts';
import type { Logger } from '../../src/observability/logger.ts';
import { type Backoff, backoffDelayMs } from '../../src/runtime/retry.ts';
import { type ExpiryShare, type PurgeDeps, purgeExpired } from './purge-expired.ts';

/** Pauses after a run that failed. */
export const expiryBackoff: Backoff = { initialMs: 1_000, maxMs: 60_000 };

interface ExpiryJobDeps extends PurgeDeps {
  readonly log: Logger;
  readonly random: () => number;
}

/** Purges the expired journals of one share again and again, while a partition is ours. */
export interface ExpiryJob {
  /** Starts no further purge and waits for those under way. Never rejects. */
  close(): Promise<void>;
}

/**
 *     resting ── interval ──► purging ──► resting
 *                               │ failed
 *                               ▼
 *                           backingOff ──► purging        any ── close ──► closed
 *
 * The first rest is a random part of the interval, so that the partitions do not all start at once.
 * A failure concerns nobody else: the partition is replicated all the same.
 */
export function openExpiryJob(share: ExpiryShare, deps: ExpiryJobDeps): ExpiryJob {
  const closing = new AbortController();
  const running = purgeAgainAndAgain(share, deps, closing.signal);
  return {
    async close() {
      closing.abort(new ClosedError('the partition was given up'));
      await running;
    },
  };
}

/** Ends with the signal; never rejects. */
async function purgeAgainAndAgain(
  share: ExpiryShare,
  deps: ExpiryJobDeps,
  signal: AbortSignal,
): Promise<void> {
  const { clock, settings, random } = deps;
  const log = deps.log.child({ topic: share.topic, partition: share.partition });
  let pauseMs = random() * settings.intervalMs;
  for (let failures = 0; !signal.aborted; ) {
    await clock.sleep(pauseMs, { signal }).catch(() => {});
    if (signal.aborted) return;
    try {
      const purged = await purgeExpired(share, deps, signal);
      log[purged.count === 0 ? 'debug' : 'info']({ ...purged }, 'expired journals purged');
      failures = 0;
      pauseMs = settings.intervalMs;
    } catch (err) {
      if (signal.aborted) return;
      log.error({ err }, 'expired journals not purged; trying again');
      failures++;
      pauseMs = backoffDelayMs(expiryBackoff, failures, random());
    }
  }
}
