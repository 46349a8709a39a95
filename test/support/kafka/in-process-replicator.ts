import { type Replicator, startReplicator } from '../../../replicator/replicator.ts';
import { openCassandraReplicatedJournal } from '../../../src/cassandra/cassandra-replicated-journal.ts';
import { loadConfig } from '../../../src/config/load-config.ts';
import { readReplicatorSettings } from '../../../src/config/replicator-settings.ts';
import { openKafkaTopicConsumers } from '../../../src/kafka/kafka-topic-consumers.ts';
import type { Logger } from '../../../src/observability/logger.ts';
import { quietDeps } from './world.ts';

const stopLimitMs = 10_000;

/** A replicator of this process on real servers; disposing stops it. */
export async function runReplicator(
  configText: string,
  log: Logger = quietDeps.log,
): Promise<AsyncDisposable> {
  const settings = readReplicatorSettings(await loadConfig({ text: configText }));
  const deps = { ...quietDeps, log };
  const store = await openCassandraReplicatedJournal(settings.cassandra, deps);
  const consumers = await openKafkaTopicConsumers(settings.kafka, deps);
  const replicator: Replicator = startReplicator({ consumers, store, settings, ...deps });
  return {
    async [Symbol.asyncDispose]() {
      await replicator.stop({ deadlineMs: stopLimitMs });
      await consumers[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}
