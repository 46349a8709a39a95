import type { Clock } from '../../runtime/clock.ts';
import { type DriverCluster, protocolError } from './kafkajs.ts';

const unknownTopic = 3;
/** Kafka's answers about a topic that is not there, or not for this user. */
const gone: readonly unknown[] = [
  'UNKNOWN_TOPIC_OR_PARTITION',
  'TOPIC_AUTHORIZATION_FAILED',
  'INVALID_TOPIC_EXCEPTION',
];
/** A topic that was there before may be missing for this time; then the call fails for good. */
const missingLimitMs = 5_000;

/** Topics of a call are not there, or not for this user. */
export class MissingTopicsError extends Error {
  /** Kafka's answer about each of them. */
  readonly missing: ReadonlyMap<string, Error>;
  /**
   * Kafka's name of the first answer. There is no `cause`: kafkajs would take it for the error
   * itself.
   */
  readonly type: string | undefined;
  /** kafkajs reads it: whether it tries again. */
  readonly retriable: boolean;

  constructor(missing: ReadonlyMap<string, Error>, retriable: boolean) {
    super(`Kafka knows no topic ${[...missing.keys()].join(', ')}`);
    this.missing = missing;
    const [reason] = missing.values();
    this.type = (reason as { type?: string } | undefined)?.type;
    this.retriable = retriable;
  }
}

/**
 * kafkajs asks for the metadata of all its topics together and fails as a whole when one of them
 * was deleted: every send and every refresh would fail for ever. Here the missing ones are
 * forgotten, and only the call that names one fails.
 */
export function tolerateMissingTopics(cluster: DriverCluster, clock: Clock): void {
  const add = cluster.addMultipleTargetTopics.bind(cluster);
  const reasons = new Map<string, Error>();
  let missingSinceMs: number | undefined;
  const forgetting = (refresh: () => Promise<void>) => async (): Promise<void> => {
    try {
      await refresh();
    } catch (error) {
      if (!isGone(error) || !(await forgetMissing(cluster, reasons))) throw error;
      await refresh();
    }
  };
  cluster.refreshMetadata = forgetting(cluster.refreshMetadata.bind(cluster));
  cluster.refreshMetadataIfNecessary = forgetting(cluster.refreshMetadataIfNecessary.bind(cluster));
  cluster.addMultipleTargetTopics = async (topics) => {
    await add(topics);
    const missing = topics.filter((topic) => !cluster.targetTopics.has(topic));
    if (missing.length === 0) {
      missingSinceMs = undefined;
      reasons.clear();
      return;
    }
    missingSinceMs ??= clock.steadyMs();
    const isFinal = clock.steadyMs() - missingSinceMs >= missingLimitMs;
    if (isFinal) missingSinceMs = undefined;
    const reasonOf = (topic: string) => reasons.get(topic) ?? protocolError(unknownTopic);
    throw new MissingTopicsError(
      new Map(missing.map((topic) => [topic, reasonOf(topic)])),
      !isFinal,
    );
  };
}

function isGone(error: unknown): error is Error {
  return gone.includes((error as { type?: string }).type);
}

/** Answers whether any topic was forgotten. */
async function forgetMissing(
  cluster: DriverCluster,
  reasons: Map<string, Error>,
): Promise<boolean> {
  const broker = await cluster.brokerPool.findConnectedBroker();
  let any = false;
  for (const topic of cluster.targetTopics) {
    try {
      await broker.metadata([topic]);
    } catch (error) {
      if (!isGone(error)) continue;
      cluster.targetTopics.delete(topic);
      reasons.set(topic, error);
      any = true;
    }
  }
  return any;
}
