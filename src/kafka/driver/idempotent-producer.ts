import type { CompressionTypes, PartitionerArgs } from 'kafkajs';
import { partitionOf } from '../../codec/java-hash.ts';
import type { KafkaSettings } from '../../config/settings/kafka-settings.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import { systemClock } from '../../runtime/clock.ts';
import { within } from '../../runtime/waiting.ts';
import { changeSeeds } from './connections/change-seeds.ts';
import {
  addressOf,
  answerDeadlineMs,
  connectWithin,
  createClient,
  type KafkaClient,
  type KafkaDeps,
} from './kafka-client.ts';
import {
  type DriverCluster,
  type ICustomPartitioner,
  isRetriable,
  type Kafka,
  type Message,
  onClusterCreated,
  type Producer,
} from './kafkajs.ts';
import { tolerateMissingTopics } from './missing-topics.ts';
import { MovedRecordsError } from './moved-records.ts';
import { compressionId } from './wire/compression.ts';
import type { OutgoingRecord, TopicRecords } from './wire/outgoing-record.ts';
import { produceOurselves, type SendAnswer } from './wire/produce.ts';

/** One session of an idempotent producer; the owner sends one batch at a time. */
export interface SendSession {
  /**
   * Looks whether a topic exists and may be seen; resolves when it does.
   *
   * @throws driver errors as they are
   */
  learnTopic(topic: string): Promise<void>;
  /**
   * Sends each record once, as soon as the brokers that lead their partitions are connected, and
   * answers by partition. What was not acknowledged may be sent again. Records that may be stored
   * must be sent again in the same grouping, and in this session: only then does the broker
   * recognise them.
   *
   * @throws what keeps the driver from sending; nothing was sent
   * @throws {MissingTopicsError} topics are gone; without them the send can be repeated
   * @throws {MovedRecordsError} so it can without the records that are concerned
   */
  send(batch: readonly TopicRecords[]): Promise<readonly SendAnswer[]>;
  /** What went wrong last on any socket. */
  readonly lastError: Error | undefined;
  /**
   * No byte leaves after the call; waits, bounded, until what was under way has settled. Records of
   * a send that is cut off may be stored. Idempotent; never rejects.
   */
  destroy(): Promise<void>;
}

/** Metadata is asked for anew after this time, so that a producer leaves a half-open leader. */
const metadataMaxAgeMs = 5_000;
const settleLimitMs = 3_000;
const answerMarginMs = 500;
const disconnectLimitMs = 1_000;
const always = Number.MAX_SAFE_INTEGER;

/**
 * Opens a session. A rejected `connect()` leaves a kafkajs producer that sends without a producer
 * id, so it is destroyed here and never handed out.
 *
 * @throws {LogUnavailableError} no broker within the request timeout
 * @throws other driver errors as they are
 */
export async function openIdempotentProducer(
  settings: KafkaSettings,
  deps: KafkaDeps,
  options: CallOptions = {},
): Promise<SendSession> {
  const session = new IdempotentProducer(settings, deps);
  try {
    await session.connect(options);
  } catch (error) {
    await session.destroy();
    throw error;
  }
  return session;
}

type Groups = Record<number, OutgoingRecord[]>;
type GroupingStep = (groups: Groups, record: OutgoingRecord) => unknown;

/**
 * kafkajs groups the records of a topic by partition with `reduce`, and its step copies the list of
 * the partition for every record. Here the step is used for what else it does, to ask our
 * partitioner, and the lists are not copied.
 */
function groupedOnce(records: readonly OutgoingRecord[]): unknown {
  const reduce = (step: GroupingStep, groups: Groups): Groups => {
    for (const record of records) {
      step({}, record);
      const group = groups[record.partition];
      if (group === undefined) groups[record.partition] = [record];
      else group.push(record);
    }
    return groups;
  };
  return Object.assign([...records], { reduce });
}

class IdempotentProducer implements SendSession {
  readonly #settings: KafkaSettings;
  readonly #client: KafkaClient;
  readonly #producer: Producer;
  readonly #log: ReturnType<ReturnType<Kafka['logger']>['namespace']>;
  #cluster: DriverCluster | undefined;
  /** Whether a send is under way; `#underWay` resolves when it has settled. */
  #isSending = false;
  #underWay: Promise<void> = Promise.resolve();
  #destroyed: Promise<void> | undefined;

  constructor(settings: KafkaSettings, deps: KafkaDeps) {
    this.#settings = settings;
    this.#client = createClient(settings, deps, { retries: always });
    this.#log = this.#client.kafka.logger().namespace('Producer');
    onClusterCreated(this.#client.kafka, (cluster) => {
      tolerateMissingTopics(cluster, deps.clock);
      changeSeeds(cluster);
      produceOurselves(cluster);
      this.#cluster = cluster;
    });
    this.#producer = this.#client.kafka.producer({
      idempotent: true,
      allowAutoTopicCreation: false,
      metadataMaxAge: metadataMaxAgeMs,
      createPartitioner: () => this.#partition as ReturnType<ICustomPartitioner>,
    });
  }

  async connect({ signal }: CallOptions): Promise<void> {
    await connectWithin(this.#client, () => this.#producer.connect(), {
      limitMs: this.#settings.requestTimeoutMs,
      address: addressOf(this.#settings),
      signal,
    });
  }

  async learnTopic(topic: string): Promise<void> {
    // Asked apart from the cluster's own topics: one that is missing would fail the sends to all
    // others.
    const broker = await this.#cluster?.brokerPool.findConnectedBroker();
    await broker?.metadata([topic]);
  }

  get lastError(): Error | undefined {
    return this.#client.sockets.lastError;
  }

  async send(batch: readonly TopicRecords[]): Promise<readonly SendAnswer[]> {
    const sending: Promise<readonly SendAnswer[]> = this.#producer.sendBatch({
      acks: -1,
      // The broker gives up before the socket does, so that it says why.
      timeout: answerDeadlineMs(this.#settings) - answerMarginMs,
      compression: compressionId(this.#settings.producer.compression) as CompressionTypes,
      topicMessages: batch.map(({ topic, messages }) => ({
        topic,
        messages: groupedOnce(messages) as Message[],
      })),
    });
    const settled = (): void => {
      this.#isSending = false;
    };
    this.#isSending = true;
    this.#underWay = sending.then(settled, settled);
    const answers = await sending;
    const passing = answers.filter(({ error }) => error !== undefined && isRetriable(error));
    for (const { error } of passing) this.#log.error('Response Produce', { error: error?.message });
    // The leaders may have moved: they are asked for before the next send.
    if (passing.length > 0 && this.#cluster !== undefined)
      this.#cluster.brokerPool.metadataExpireAt = null;
    return answers;
  }

  /** kafkajs asks it for the partition of each record, and hands over nothing but our records. */
  readonly #partition = (call: PartitionerArgs): number => {
    const record = call.message as unknown as OutgoingRecord;
    const partition = partitionOf(record.key, call.partitionMetadata.length);
    // In another partition the broker would not recognise a record that is sent again, and a tenure
    // that the record names would not be known.
    if (record.partition !== partition && record.partition !== -1) {
      throw new MovedRecordsError(call.topic, call.partitionMetadata.length);
    }
    record.partition = partition;
    return partition;
  };

  destroy(): Promise<void> {
    this.#destroyed ??= this.#destroy();
    return this.#destroyed;
  }

  async #destroy(): Promise<void> {
    // Without a send under way, kafkajs closes its connections in good order.
    if (!this.#isSending) {
      const disconnecting = this.#producer.disconnect().catch(() => undefined);
      await within(disconnecting, disconnectLimitMs, systemClock);
    }
    // A send under way is cut off, not waited for. kafkajs cannot cancel it and would connect again
    // for it. Without sockets nothing leaves, and its retry loop ends at the next thing that it
    // asks the cluster for.
    const gone = Object.assign(new Error('the producer was destroyed'), { retriable: false });
    this.#client.sockets.close(gone);
    if (this.#cluster !== undefined) {
      const refuse = (): Promise<never> => Promise.reject(gone);
      Object.assign(this.#cluster, {
        connect: refuse,
        refreshMetadata: refuse,
        refreshMetadataIfNecessary: refuse,
        addMultipleTargetTopics: refuse,
      });
      Object.assign(this.#cluster.brokerPool, { connect: refuse, createSeedBroker: refuse });
    }
    await within(this.#underWay, settleLimitMs, systemClock);
  }
}
