import { openQuarantineFile } from '../../../replicator/apply/quarantine-file.ts';
import { type Replicator, startReplicator } from '../../../replicator/replicator.ts';
import type { ReplicatorDeps } from '../../../replicator/replicator-deps.ts';
import { openReplicatedStore } from '../../../src/compose/open-eventual-store.ts';
import { loadConfig } from '../../../src/config/load-config.ts';
import { readReplicatorSettings } from '../../../src/config/settings/replicator-settings.ts';
import { openKafkaTopicConsumers } from '../../../src/kafka/group/kafka-topic-consumers.ts';
import { openKafkaActionProducer } from '../../../src/kafka/producer/kafka-action-producer.ts';
import { quietDeps } from './world.ts';

const stopLimitMs = 10_000;

/** A replicator of this process on real servers; disposing stops it. */
export async function runReplicator(
  configText: string,
  { log = quietDeps.log, onReplicated }: Partial<ReplicatorDeps> = {},
): Promise<AsyncDisposable> {
  const settings = readReplicatorSettings(await loadConfig({ text: configText }));
  const deps = { ...quietDeps, log };
  const store = await openReplicatedStore(settings.eventual, deps);
  const consumers = await openKafkaTopicConsumers(settings.kafka, deps);
  const producer = settings.purgeExpired && (await openKafkaActionProducer(settings.kafka, deps));
  const { policy, skip, file } = settings.quarantine;
  const skips = policy !== 'fail' || skip.length > 0;
  const quarantineFile = skips ? await openQuarantineFile(file) : undefined;
  const parts = { consumers, store, settings, producer, quarantineFile, ...deps };
  const replicator: Replicator = startReplicator({
    ...parts,
    ...(onReplicated && { onReplicated }),
  });
  return {
    async [Symbol.asyncDispose]() {
      await replicator.stop({ deadlineMs: stopLimitMs });
      await producer?.[Symbol.asyncDispose]();
      await consumers[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}
