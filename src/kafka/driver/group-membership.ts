import type { KafkaSettings } from '../../config/kafka-settings.ts';
import type { KafkaClient } from './kafka-client.ts';
import {
  ConsumerGroup,
  type DriverCluster,
  type DriverConsumerGroup,
  roundRobin,
} from './kafkajs.ts';

const joinRetries = 5;
const metadataMaxAgeMs = 300_000;
const groupCoordinator = 0;

/** What a membership works on. */
export interface MembershipParts {
  readonly client: KafkaClient;
  readonly cluster: DriverCluster;
  readonly settings: KafkaSettings;
  readonly groupId: string;
  readonly topic: string;
}

/**
 * One member of a group, made of kafkajs's join, heartbeat, commit and leave. Its consumer loop is
 * not used: it joins again without waiting for the work in hand, fetches nothing while one
 * partition is busy, and jumps silently when an offset is out of range (ADR 0006).
 */
export class GroupMembership {
  readonly #parts: MembershipParts;
  readonly #group: DriverConsumerGroup;

  constructor(parts: MembershipParts) {
    const { client, cluster, settings, groupId, topic } = parts;
    const { consumer } = settings;
    this.#parts = parts;
    this.#group = new ConsumerGroup({
      retry: { retries: joinRetries, initialRetryTime: 50, maxRetryTime: 1_000 },
      logger: client.kafka.logger(),
      cluster,
      groupId,
      topics: [topic],
      topicConfigurations: { [topic]: { fromBeginning: true } },
      instrumentationEmitter: { emit: () => undefined },
      assigners: [roundRobin({ cluster })],
      sessionTimeout: consumer.sessionTimeoutMs,
      rebalanceTimeout: consumer.maxPollIntervalMs,
      autoCommit: false,
      isolationLevel: 0,
      rackId: '',
      metadataMaxAge: metadataMaxAgeMs,
    });
  }

  /** Joins, again after each rebalance; answers the partitions that are ours, ascending. */
  async join(): Promise<number[]> {
    const { cluster, groupId, topic } = this.#parts;
    // kafkajs hides why it finds no coordinator; asked directly, the broker says that a right is
    // missing.
    const broker = await cluster.brokerPool.findConnectedBroker();
    await broker.findGroupCoordinator({ groupId, coordinatorType: groupCoordinator });
    await this.#group.joinAndSync();
    const own = this.#group.assigned().find((assignment) => assignment.topic === topic);
    return [...(own?.partitions ?? [])].sort((a, b) => a - b);
  }

  heartbeat(): Promise<void> {
    return this.#group.heartbeat({ interval: 0 });
  }

  /** @param offsets next wanted offset by partition */
  commit(offsets: ReadonlyMap<number, number>): Promise<void> {
    const { topic, settings } = this.#parts;
    const partitions = [...offsets].map(([partition, offset]) => ({
      partition,
      offset: String(offset),
      metadata: settings.clientId,
    }));
    return this.#group.commitOffsets({ topics: [{ topic, partitions }] });
  }

  leave(): Promise<void> {
    return this.#group.leave();
  }
}
