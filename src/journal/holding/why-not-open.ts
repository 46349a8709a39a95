import {
  DataIntegrityError,
  type JournalError,
  NotSetUpError,
  StoreUnavailableError,
} from '../../model/errors.ts';
import { Offset } from '../../model/position.ts';
import type { TenureSpot } from './held-tenure.ts';
import type { HoldingDeps } from './holding-deps.ts';

/**
 * The replicator has never kept opening marks: then journals may be written without a tenure, as
 * before. Of what else is missing, such as the topic, that does not follow.
 */
export class TenuresNotKeptError extends NotSetUpError {
  override readonly name = 'NotSetUpError';
}

/** The number of partitions changed, from `had`; `undefined` = there is no such topic any more. */
export function keysHaveMoved(
  place: Pick<TenureSpot, 'topic' | 'partition'>,
  had: number,
  has: number | undefined,
): DataIntegrityError {
  const { topic, partition } = place;
  return new DataIntegrityError(
    `topic ${topic} had ${had} partitions and has ${has ?? 'none'} now: keys have moved, and no ` +
      'tenure is opened in it',
    { place: { topic, partition } },
  );
}

/**
 * Why no tenure may be opened or kept; `undefined` = it may. Clients open tenures only where the
 * replicator keeps opening marks, and in a topic that keeps its partitions. R is read before W,
 * which is stored in the other order.
 *
 * - `TenuresNotKeptError`: the replicator has never kept opening marks;
 * - `StoreUnavailableError`: it did, but W is before R. That passes, unless a replicator that keeps
 *   none goes on alone. Whoever wrote without a tenure meanwhile would meet those who hold one;
 * - `DataIntegrityError`: the number of partitions changed.
 *
 * @param partitions how many the topic had when the partition was computed
 * @throws {LogUnavailableError} {@link StoreUnavailableError} retryable: nothing is known
 */
export async function whyNotOpen(
  spot: TenureSpot,
  partitions: number,
  { consumer, eventual }: HoldingDeps,
  signal: AbortSignal,
): Promise<JournalError | undefined> {
  const { topic, partition } = spot;
  const count = await consumer.partitionCount(topic, { signal });
  if (count !== partitions) return keysHaveMoved({ topic, partition }, partitions, count);
  const replicated = await eventual.offset(topic, partition, { signal });
  if (replicated === undefined) return undefined;
  if ((await eventual.lastTenure(spot, replicated, { signal })) !== 'unknown') return undefined;
  const of = `the replicator of ${topic} (partition ${partition})`;
  const isKept = (await eventual.lastTenure(spot, Offset.min, { signal })) !== 'unknown';
  return isKept
    ? new StoreUnavailableError(
        `${of} has not copied all opening marks up to the replicated offset; try again later. If it stays so, an older ` +
          'replicator is at work: update it',
      )
    : new TenuresNotKeptError(`${of} keeps no opening marks: update it, or turn tenures off`);
}
