import type { KafkaSettings, KafkaTopicSettings } from '../config/settings/kafka-settings.ts';
import { AccessDeniedError, type JournalError, NotSetUpError } from '../model/errors.ts';
import { Topic } from '../model/position.ts';
import type { CallOptions } from '../ports/call-options.ts';
import type { KafkaDeps } from './driver/kafka-client.ts';
import { listTopics } from './driver/list-topics.ts';
import { LogCluster } from './log-cluster.ts';

const createTimeoutMs = 10_000;
/** How long a new topic may take until every broker asked knows it. */
const visibleLimitMs = 10_000;
const visiblePauseMs = 50;

/**
 * What an operator does with topics; used by `kafka-journal setup` and where `topic.auto-create` is
 * on.
 */
export interface KafkaAdmin extends AsyncDisposable {
  /**
   * Makes sure that a topic exists: creates it when it is missing and `autoCreate` is on, and waits
   * until the leaders of its partitions serve them. An existing topic is left as it is.
   *
   * @returns whether it was created
   * @throws {NotSetUpError} it is missing and `autoCreate` is off
   * @throws {AccessDeniedError} the user may not create it, or not see it
   * @throws {LogUnavailableError} no broker answered in time; the topic may have been created
   * @throws the abort reason when `signal` fires; the topic may have been created
   */
  ensureTopic(topic: Topic, settings: KafkaTopicSettings, options?: CallOptions): Promise<boolean>;
  /**
   * All topics that this user may see.
   *
   * @throws {LogUnavailableError} no broker answered in time
   * @throws the abort reason when `signal` fires
   */
  topics(options?: CallOptions): Promise<readonly Topic[]>;
  /**
   * How many partitions a topic has.
   *
   * @throws {NotSetUpError} it does not exist
   * @throws {AccessDeniedError} the user may not see it
   * @throws {LogUnavailableError} no broker answered in time
   */
  partitions(topic: Topic, options?: CallOptions): Promise<number>;
}

/**
 * Opens connections with which topics are looked for and made; the caller closes them.
 *
 * @throws {LogUnavailableError} no broker answered within the request timeout; names the addresses
 */
export async function openKafkaAdmin(
  settings: KafkaSettings,
  deps: KafkaDeps,
  options?: CallOptions,
): Promise<KafkaAdmin> {
  return new KafkaAdminClient(await LogCluster.open(settings, deps, options));
}

class KafkaAdminClient implements KafkaAdmin {
  readonly #cluster: LogCluster;

  constructor(cluster: LogCluster) {
    this.#cluster = cluster;
  }

  async ensureTopic(
    topic: Topic,
    settings: KafkaTopicSettings,
    options?: CallOptions,
  ): Promise<boolean> {
    if (await this.#exists(topic, options)) return false;
    if (!settings.autoCreate) throw await this.#whyUnlisted(topic);
    const created = await this.#create(topic, settings);
    await this.#untilVisible(topic, options);
    // A leader that is named may not know of it yet, and refuses what is asked of it until then.
    const cluster = this.#cluster;
    const place = { topic, right: 'DESCRIBE', signal: options?.signal } as const;
    const asked = (await cluster.partitionsOf(topic)).map((partition) =>
      cluster.retrying(place, () => cluster.endOffset(topic, partition)),
    );
    await Promise.all(asked);
    return created;
  }

  /** A topic that the user may not see is not listed either. Asked by name, the broker says why. */
  async #whyUnlisted(topic: Topic): Promise<JournalError> {
    const cluster = this.#cluster;
    try {
      const broker = await cluster.driver.brokerPool.findConnectedBroker();
      await broker.metadata([topic]);
    } catch (cause) {
      const error = cluster.errorOf(cause, { topic, right: 'DESCRIBE' });
      if (error instanceof AccessDeniedError) return error;
    }
    const text = `topic ${topic} does not exist: create it, or run kafka-journal setup`;
    return new NotSetUpError(`${text} (Kafka at ${cluster.address})`);
  }

  /** Answers whether this call created it, and not another one at the same time. */
  async #create(topic: Topic, settings: KafkaTopicSettings): Promise<boolean> {
    const { retentionMs } = settings;
    const configEntries =
      retentionMs === undefined ? [] : [{ name: 'retention.ms', value: String(retentionMs) }];
    const admin = this.#cluster.client.kafka.admin();
    try {
      await admin.connect();
      return await admin.createTopics({
        timeout: createTimeoutMs,
        waitForLeaders: false,
        topics: [
          {
            topic,
            numPartitions: settings.partitions,
            replicationFactor: settings.replicationFactor,
            configEntries,
          },
        ],
      });
    } catch (error) {
      throw this.#cluster.errorOf(error, { topic, right: 'CREATE' });
    } finally {
      await admin.disconnect().catch(() => undefined);
    }
  }

  /**
   * Waits until the brokers list it.
   *
   * @throws {AccessDeniedError} at once: the right to create a topic is not the one to see it
   */
  async #untilVisible(topic: Topic, options: CallOptions | undefined): Promise<void> {
    const { clock } = this.#cluster.deps;
    const giveUpMs = clock.steadyMs() + visibleLimitMs;
    while (!(await this.#exists(topic, options))) {
      const why = await this.#whyUnlisted(topic);
      if (why instanceof AccessDeniedError) throw why;
      if (clock.steadyMs() > giveUpMs)
        throw new NotSetUpError(`topic ${topic} was created but is not there`);
      await this.#cluster.pause(visiblePauseMs, options);
    }
    await this.#cluster.learnTopic(topic);
  }

  async #exists(topic: Topic, options: CallOptions | undefined): Promise<boolean> {
    return (await this.topics(options)).includes(topic);
  }

  async topics(options?: CallOptions): Promise<readonly Topic[]> {
    const cluster = this.#cluster;
    const names = await cluster.retrying({ right: 'DESCRIBE', signal: options?.signal }, async () =>
      listTopics(await cluster.driver.brokerPool.findConnectedBroker()),
    );
    return names.map((name) => Topic.of(name));
  }

  async partitions(topic: Topic): Promise<number> {
    return (await this.#cluster.partitionsOf(topic)).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cluster[Symbol.asyncDispose]();
  }
}
