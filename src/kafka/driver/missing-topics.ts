import type { Clock } from '../../runtime/clock.ts';
import { type DriverCluster, protocolError } from './kafkajs.ts';

const unknownTopic = 3;
/** Kafka's answers about a topic that is not there, or not for this user. */
const gone: readonly unknown[] = [
  'UNKNOWN_TOPIC_OR_PARTITION',
  'TOPIC_AUTHORIZATION_FAILED',
  'INVALID_TOPIC_EXCEPTION',
];
/** So long a topic that was there before may be missing; then the call fails for good. */
const missingLimitMs = 5_000;

/**
 * kafkajs asks for the metadata of all its topics together and fails as a whole when one of them
 * was deleted: every send and every refresh would fail for ever. Here the missing ones are
 * forgotten, and only the call that names one fails.
 */
export function tolerateMissingTopics(cluster: DriverCluster, clock: Clock): void {
  const add = cluster.addMultipleTargetTopics.bind(cluster);
  let missingSinceMs: number | undefined;
  cluster.refreshMetadata = forgetting(cluster, cluster.refreshMetadata.bind(cluster));
  cluster.refreshMetadataIfNecessary = forgetting(
    cluster,
    cluster.refreshMetadataIfNecessary.bind(cluster),
  );
  cluster.addMultipleTargetTopics = async (topics) => {
    await add(topics);
    if (topics.every((topic) => cluster.targetTopics.has(topic))) {
      missingSinceMs = undefined;
      return;
    }
    missingSinceMs ??= clock.nowMs();
    const retriable = clock.nowMs() - missingSinceMs < missingLimitMs;
    throw Object.assign(protocolError(unknownTopic), { retriable });
  };
}

function forgetting(cluster: DriverCluster, refresh: () => Promise<void>): () => Promise<void> {
  return async () => {
    try {
      await refresh();
    } catch (error) {
      if (!gone.includes((error as { type?: string }).type)) throw error;
      if (!(await forgetMissing(cluster))) throw error;
      await refresh();
    }
  };
}

/** Answers whether any topic was forgotten. */
async function forgetMissing(cluster: DriverCluster): Promise<boolean> {
  const broker = await cluster.brokerPool.findConnectedBroker();
  let any = false;
  for (const topic of cluster.targetTopics) {
    try {
      await broker.metadata([topic]);
    } catch (error) {
      if (!gone.includes((error as { type?: string }).type)) continue;
      cluster.targetTopics.delete(topic);
      any = true;
    }
  }
  return any;
}
