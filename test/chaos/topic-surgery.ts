import { type Admin, Kafka, logLevel } from 'kafkajs';
import { type ChaosWorld, partitionCount, until } from './chaos-world.ts';

const goneLimitMs = 10_000;
const newLimitMs = 30_000;

/** First and end offset of a partition, as the broker tells. */
export interface KeptRange {
  readonly partition: number;
  readonly start: number;
  readonly end: number;
}

/** What an operator may do to a topic, through the plain client. */
export class TopicSurgery implements AsyncDisposable {
  readonly #admin: Admin;
  readonly #topic: string;

  private constructor(admin: Admin, topic: string) {
    this.#admin = admin;
    this.#topic = topic;
  }

  static async open({ stack, topic }: ChaosWorld): Promise<TopicSurgery> {
    const kafka = new Kafka({
      clientId: 'surgery',
      brokers: [stack.kafka.address],
      logLevel: logLevel.NOTHING,
    });
    const admin = kafka.admin();
    await admin.connect();
    return new TopicSurgery(admin, topic);
  }

  async ranges(): Promise<readonly KeptRange[]> {
    const offsets = await this.#admin.fetchTopicOffsets(this.#topic);
    return offsets
      .map(({ partition, low, high }) => ({ partition, start: Number(low), end: Number(high) }))
      .sort((a, b) => a.partition - b.partition);
  }

  /** Drops the records below these offsets. */
  async deleteBefore(
    partitions: readonly { readonly partition: number; readonly offset: number }[],
  ): Promise<void> {
    // On a fresh admin the driver knows no leader before it was asked for offsets.
    await this.#admin.fetchTopicOffsets(this.#topic);
    const wanted = partitions.map(({ partition, offset }) => ({
      partition,
      offset: String(offset),
    }));
    await this.#admin.deleteTopicRecords({ topic: this.#topic, partitions: wanted });
  }

  /** Deletes the topic and creates an empty one of the same name. */
  async recreate(): Promise<void> {
    await this.#admin.deleteTopics({ topics: [this.#topic] });
    const isGone = async (): Promise<boolean> =>
      !(await this.#admin.listTopics()).includes(this.#topic);
    await until('the topic is gone', isGone, goneLimitMs);
    const topic = { topic: this.#topic, numPartitions: partitionCount, replicationFactor: 1 };
    // The driver's own wait for leaders fails when a broker does not know the topic yet.
    await this.#admin.createTopics({ topics: [topic], waitForLeaders: false });
    const isLed = (): Promise<boolean> =>
      this.ranges().then(
        (ranges) => ranges.length === partitionCount,
        () => false,
      );
    await until('the new topic has leaders', isLed, newLimitMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#admin.disconnect();
  }
}
