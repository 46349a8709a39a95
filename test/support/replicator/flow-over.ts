import { Quarantine } from '../../../replicator/apply/quarantine.ts';

import { PartitionFlow } from '../../../replicator/topic/partition-flow.ts';
import { claimPartition } from '../../../replicator/topic/partition-tenures.ts';
import { WorkInFlight } from '../../../replicator/topic/work-in-flight.ts';
import { silentLogger } from '../../../src/observability/logger.ts';
import type { ReplicatedJournal } from '../../../src/ports/replicated-journal.ts';
import type { Clock } from '../../../src/runtime/clock.ts';
import { retry } from '../../../src/runtime/retry.ts';
import { partition0, topic } from './records.ts';

/** Waits for nothing: what would take hours of pauses is over at once. */
const impatient: Clock = {
  nowMs: () => 0,
  steadyMs: () => 0,
  sleep: (_ms, options) => {
    if (options?.signal?.aborted) return Promise.reject(options.signal.reason);
    return new Promise((resolve) => setImmediate(resolve));
  },
};

/** The flow of a partition that was just claimed, `maxKeysInFlight` keys at once. */
export async function flowOver(
  store: ReplicatedJournal,
  maxKeysInFlight = 2,
): Promise<PartitionFlow> {
  const deps = { log: silentLogger, clock: impatient };
  const flowDeps = {
    store,
    inFlight: new WorkInFlight(maxKeysInFlight),
    storeName: 'the store',
    quarantine: new Quarantine({ policy: 'fail', skip: [] }, { file: undefined, ...deps }),
    ...deps,
    random: () => 0,
    cacheExpireAfterMs: 60_000,
    onReplicated: undefined,
  };
  const source = { topic, partition: partition0 };
  const claim = () => claimPartition(source, store, { nowMs: 0 });
  const attempts = 100;
  const backoff = { initialMs: 1, maxMs: 1 };
  const start = await retry(claim, { ...flowDeps, attempts, backoff, retryable: () => true });
  return new PartitionFlow(source, flowDeps, {
    ...start,
    onWakeUpsMissing: () => {},
    onStored: () => {},
  });
}
