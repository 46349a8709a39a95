import { hostname } from 'node:os';
import PQueue from 'p-queue';
import type { Action } from '../../src/model/action.ts';
import { Key } from '../../src/model/key.ts';
import type { Partition, Topic } from '../../src/model/position.ts';
import type { ExpiredJournal, ReplicatedJournal } from '../../src/ports/replicated-journal.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import { libraryVersion } from '../../src/runtime/library-version.ts';
import type { ExpiryDeps } from '../replicator-deps.ts';

/**
 * The share of a topic's journals that the owner of a partition looks after. It has nothing to do
 * with the partition that the journals are in: partitions only divide the work.
 */
export interface ExpiryShare {
  readonly topic: Topic;
  readonly partition: Partition;
  readonly partitions: number;
}

/** What a run works with. */
export interface PurgeDeps extends ExpiryDeps {
  readonly store: ReplicatedJournal;
  readonly clock: Clock;
}

/** What one run did. Days are UTC, `yyyy-mm-dd`, inclusive. */
export interface PurgedShare {
  readonly from: string;
  readonly to: string;
  readonly count: number;
}

/**
 * Produces a purge for every expired journal of the share, and remembers the day when the log has
 * acknowledged all of them.
 *
 * A purge names the offset that the journal's row had: it does not count when the journal was
 * written to since (I19). So a purge that is produced twice, or too late, does no harm.
 *
 * @throws {StoreUnavailableError} some purges may have been produced; the day stays
 * @throws the producer's errors, after the purges under way have settled; the day stays
 * @throws the signal's reason, after the purges under way have settled; the day stays
 */
export async function purgeExpired(
  share: ExpiryShare,
  deps: PurgeDeps,
  signal: AbortSignal,
): Promise<PurgedShare> {
  const { store, settings, clock } = deps;
  const { topic, partition, partitions } = share;
  const to = dayOf(clock.nowMs() - settings.graceMs);
  const until = await store.expiredUntil(topic, partition, { signal });
  // The first run, and one after a long pause, miss no day.
  let from = oldestDay;
  if (until !== undefined) {
    const lastMs = Math.min(Date.parse(until), Date.parse(to));
    from = dayOf(lastMs - (settings.lookBackDays - 1) * dayMs);
  }
  const range = { topic, share: { index: partition, of: partitions }, from, to };
  let count = 0;
  for await (const journals of store.expired(range, { signal })) {
    await purgeAll(topic, journals, deps, signal);
    count += journals.length;
  }
  signal.throwIfAborted();
  if (until === undefined || until < to) {
    await store.saveExpiredUntil({ topic, partition, day: to }, clock.nowMs());
  }
  return { from, to, count };
}

const oldestDay = '1970-01-01';
const dayMs = 86_400_000;

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 'yyyy-mm-dd'.length);
}

/** A few at a time. Ends when all under way have settled, with the first failure. */
async function purgeAll(
  topic: Topic,
  journals: readonly ExpiredJournal[],
  deps: PurgeDeps,
  signal: AbortSignal,
): Promise<void> {
  const { producer, clock, pacer, settings } = deps;
  const queue = new PQueue({ concurrency: settings.parallelism });
  const purges = journals.map(({ id, at }) =>
    queue.add(async () => {
      try {
        await pacer.turn(signal);
        const action: Action = {
          key: Key.of(topic, id),
          timestampMs: clock.nowMs(),
          header: { type: 'purge', onlyAt: at.offset, origin: hostname(), version: libraryVersion },
        };
        await producer.produce(action, { signal });
      } catch (error) {
        // What waits does not start; its promises reject as well, after that of this one.
        queue.clear();
        throw error;
      }
    }),
  );
  for (const purge of await Promise.allSettled(purges)) {
    if (purge.status === 'rejected') throw purge.reason;
  }
}
