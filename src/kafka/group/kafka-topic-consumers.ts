import type { KafkaSettings } from '../../config/settings/kafka-settings.ts';
import { ClosedError } from '../../model/errors.ts';
import { Topic } from '../../model/position.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type { TopicConsumer, TopicConsumers } from '../../ports/topic-consumer.ts';
import type { KafkaDeps } from '../driver/kafka-client.ts';
import { listTopics } from '../driver/list-topics.ts';
import { LogCluster } from '../log-cluster.ts';
import { KafkaTopicConsumer } from './kafka-topic-consumer.ts';

/**
 * Opens what lists topics and makes group members: one member, with connections of its own, a
 * topic.
 *
 * @throws {LogUnavailableError} no broker answered within the request timeout; names the addresses
 * @throws {AccessDeniedError} the user is refused
 * @throws the abort reason when `signal` fires
 */
export async function openKafkaTopicConsumers(
  settings: KafkaSettings,
  deps: KafkaDeps,
  options?: CallOptions,
): Promise<TopicConsumers> {
  return new KafkaTopicConsumers(await LogCluster.open(settings, deps, options));
}

class KafkaTopicConsumers implements TopicConsumers {
  readonly #cluster: LogCluster;
  readonly #members = new Set<TopicConsumer>();
  #closed = false;

  constructor(cluster: LogCluster) {
    this.#cluster = cluster;
  }

  async topics(options?: CallOptions): Promise<readonly Topic[]> {
    this.#check(options);
    const cluster = this.#cluster;
    const names = await cluster.retrying({ right: 'DESCRIBE', signal: options?.signal }, async () =>
      listTopics(await cluster.driver.brokerPool.findConnectedBroker()),
    );
    return names.map((name) => Topic.of(name));
  }

  async open(topic: Topic, options?: CallOptions): Promise<TopicConsumer> {
    this.#check(options);
    const { settings, deps } = this.#cluster;
    const cluster = await LogCluster.open(settings, deps, options);
    try {
      await cluster.learnTopic(topic);
      this.#check(options);
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    const member = new KafkaTopicConsumer(cluster, topic, () => this.#members.delete(member));
    this.#members.add(member);
    return member;
  }

  #check(options: CallOptions | undefined): void {
    options?.signal?.throwIfAborted();
    if (this.#closed) throw new ClosedError('the Kafka topic consumers are closed');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#members].map((member) => member[Symbol.asyncDispose]()));
    await this.#cluster[Symbol.asyncDispose]();
  }
}
