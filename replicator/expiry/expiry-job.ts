import { ClosedError } from '../../src/model/errors.ts';
import type { Logger } from '../../src/observability/logger.ts';
import { type Backoff, backoffDelayMs } from '../../src/runtime/retry.ts';
import { type ExpiryShare, type PurgeParts, purgeExpired } from './purge-expired.ts';

/** Pauses after a run that failed. */
export const expiryBackoff: Backoff = { initialMs: 1_000, maxMs: 60_000 };

interface ExpiryJobParts extends PurgeParts {
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
export function openExpiryJob(share: ExpiryShare, parts: ExpiryJobParts): ExpiryJob {
  const closing = new AbortController();
  const { topic, partition } = share;
  const log = parts.log.child({ topic, partition });
  const running = run(share, { ...parts, log }, closing.signal);
  return {
    async close() {
      closing.abort(new ClosedError('the partition was given up'));
      await running;
    },
  };
}

/** Ends with the signal; never rejects. */
async function run(share: ExpiryShare, parts: ExpiryJobParts, signal: AbortSignal): Promise<void> {
  const { clock, tuning, random } = parts;
  let pauseMs = random() * tuning.intervalMs;
  for (let failures = 0; !signal.aborted; ) {
    await clock.sleep(pauseMs, { signal }).catch(() => {});
    if (signal.aborted) return;
    failures = (await runOnce(share, parts, signal)) ? 0 : failures + 1;
    pauseMs =
      failures === 0 ? tuning.intervalMs : backoffDelayMs(expiryBackoff, failures, random());
  }
}

async function runOnce(
  share: ExpiryShare,
  { log, ...parts }: ExpiryJobParts,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    const purged = await purgeExpired(share, parts, signal);
    log[purged.count === 0 ? 'debug' : 'info']({ ...purged }, 'expired journals purged');
    return true;
  } catch (err) {
    if (!signal.aborted) log.error({ err }, 'expired journals not purged; trying again');
    return false;
  }
}
