import { hostname } from 'node:os';
import type { Action } from '../../src/model/action.ts';
import { Key } from '../../src/model/key.ts';
import type { Partition, Topic } from '../../src/model/position.ts';
import type { ActionProducer } from '../../src/ports/action-producer.ts';
import type { ExpiredJournal, ReplicatedJournal } from '../../src/ports/replicated-journal.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import { libraryVersion } from '../../src/runtime/library-version.ts';
import type { Pacer } from './pacer.ts';

/** How expired journals are purged; resolved from `purge-expired` of the replicator's section. */
export interface PurgeExpiredTuning {
  /** Between two looks for expired journals. */
  readonly intervalMs: number;
  /** A journal is purged so long after its day of expiry (UTC) began: a day or more = that day is over. */
  readonly graceMs: number;
  /** Days before the last one purged that are looked at again. At least 1. */
  readonly lookBackDays: number;
  /** Purges produced in a second, over the whole process. */
  readonly perSecond: number;
  /** Purges of one partition under way at one moment. */
  readonly parallelism: number;
}

/** The journals of a topic that the owner of a partition looks after: not those in the partition. */
export interface ExpiryShare {
  readonly topic: Topic;
  readonly partition: Partition;
  readonly partitions: number;
}

export interface PurgeParts {
  readonly store: ReplicatedJournal;
  readonly producer: ActionProducer;
  readonly tuning: PurgeExpiredTuning;
  readonly clock: Clock;
  readonly pacer: Pacer;
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
 * A purge names the offset at which the journal's row stood: when the journal was written to since,
 * the purge does not count (I19). So it hurts nobody to produce one twice, or too late.
 *
 * @throws {StoreUnavailableError} @throws the producer's errors: some were produced, the day stays
 * @throws the signal's reason, after the purges under way have settled
 */
export async function purgeExpired(
  share: ExpiryShare,
  parts: PurgeParts,
  signal: AbortSignal,
): Promise<PurgedShare> {
  const { store, tuning, clock } = parts;
  const { topic, partition, partitions } = share;
  const to = dayOf(clock.nowMs() - tuning.graceMs);
  const until = await store.expiredUntil(topic, partition, { signal });
  const from = firstDay(to, until, tuning);
  const range = { topic, share: { index: partition, of: partitions }, from, to };
  let count = 0;
  for await (const journals of store.expired(range, { signal })) {
    await purgeAll(topic, journals, { ...parts, signal });
    count += journals.length;
  }
  signal.throwIfAborted();
  if (until === undefined || until < to) {
    await store.saveExpiredUntil({ topic, partition, day: to }, clock.nowMs());
  }
  return { from, to, count };
}

/** The first run, and one after a long pause, miss no day. */
function firstDay(to: string, until: string | undefined, tuning: PurgeExpiredTuning): string {
  if (until === undefined) return oldestDay;
  return dayBefore(until < to ? until : to, tuning.lookBackDays - 1);
}

const oldestDay = '1970-01-01';
const dayMs = 86_400_000;

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 'yyyy-mm-dd'.length);
}

function dayBefore(day: string, days: number): string {
  return dayOf(Date.parse(`${day}T00:00:00Z`) - days * dayMs);
}

interface Purging extends PurgeParts {
  readonly signal: AbortSignal;
}

/** A few at a time; ends when all under way have settled, with the first failure. */
async function purgeAll(
  topic: Topic,
  journals: readonly ExpiredJournal[],
  parts: Purging,
): Promise<void> {
  const queue = journals.values();
  let hasFailed = false;
  const work = async (): Promise<void> => {
    for (const journal of queue) {
      if (hasFailed) return;
      try {
        await purge(topic, journal, parts);
      } catch (error) {
        hasFailed = true;
        throw error;
      }
    }
  };
  const workers = Array.from({ length: parts.tuning.parallelism }, work);
  const settled = await Promise.allSettled(workers);
  for (const worker of settled) if (worker.status === 'rejected') throw worker.reason;
}

async function purge(
  topic: Topic,
  { id, at }: ExpiredJournal,
  { producer, clock, pacer, signal }: Purging,
): Promise<void> {
  await pacer.turn(signal);
  const action: Action = {
    key: Key.of(topic, id),
    timestampMs: clock.nowMs(),
    header: { type: 'purge', onlyAt: at.offset, origin: hostname(), version: libraryVersion },
  };
  await producer.produce(action, { signal });
}
