import { DataIntegrityError, NotSetUpError } from '../../model/errors.ts';
import type { TenureSpot } from './held-tenure.ts';
import type { HoldingDeps } from './holding-deps.ts';

/**
 * Clients open tenures only where the replicator keeps opening marks, and in a topic that keeps its
 * partitions. R is read before W, which is stored in the other order.
 *
 * @param partitions how many the topic had when the partition was computed
 * @throws {NotSetUpError} the replicator does not keep them
 * @throws {DataIntegrityError} the number of partitions changed
 * @throws {LogUnavailableError} {@link StoreUnavailableError} retryable
 */
export async function checkMayOpen(
  spot: TenureSpot,
  partitions: number,
  { consumer, eventual }: HoldingDeps,
  signal: AbortSignal,
): Promise<void> {
  const { topic, partition } = spot;
  const count = await consumer.partitionCount(topic, { signal });
  if (count !== partitions) {
    throw new DataIntegrityError(
      `topic ${topic} had ${partitions} partitions and has ${count ?? 'none'} now: keys have moved, and no ` +
        'tenure is opened in it',
      { place: { topic, partition } },
    );
  }
  const replicated = await eventual.offset(topic, partition, { signal });
  if (replicated === undefined) return;
  if ((await eventual.lastTenure(spot, replicated, { signal })) !== 'unknown') return;
  throw new NotSetUpError(
    `the replicator of ${topic} keeps no opening marks (partition ${partition}): update it, or turn tenures off`,
  );
}
