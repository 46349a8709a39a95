import type { KafkaSettings } from '../config/settings/kafka-settings.ts';
import { ClosedError, type JournalError, NotSetUpError } from '../model/errors.ts';
import type { CallOptions } from '../ports/call-options.ts';
import { SharedRun } from '../runtime/shared-run.ts';
import { changeSeeds } from './driver/connections/change-seeds.ts';
import {
  addressOf,
  type ClientOptions,
  connectWithin,
  createClient,
  type KafkaClient,
  type KafkaDeps,
} from './driver/kafka-client.ts';
import { createCluster, type DriverCluster, protocolError } from './driver/kafkajs.ts';
import { tolerateMissingTopics } from './driver/missing-topics.ts';
import {
  type FetchedPartition,
  type FetchLimits,
  type FetchPlace,
  type FetchRequest,
  fetchPartitions,
  fetchPlaces,
} from './driver/wire/fetch.ts';
import { type CallPlace, isDriverError, journalErrorOf, protocolErrorOf } from './driver-errors.ts';

const metadataMaxAgeMs = 300_000;
const driverRetries = 2;
const connectPauseMs = 200;
/** A topic that was just created may be unknown to the broker asked for some moments. */
const unknownTopicLimitMs = 1_500;
const unknownTopicPauseMs = 100;
const closeLimitMs = 2_000;
const readUncommitted = 0;
const leaderNotAvailable = 5;

/** First offset kept and the offset of the next record. */
export interface OffsetRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Connections and metadata of one client: who leads which partition, what it keeps, its records.
 */
export class LogCluster implements AsyncDisposable {
  readonly settings: KafkaSettings;
  readonly deps: KafkaDeps;
  readonly address: string;
  readonly client: KafkaClient;
  readonly driver: DriverCluster;
  readonly #knownTopics = new Map<string, Promise<void>>();
  readonly #learned = new Set<string>();
  readonly #closing = new AbortController();
  /** Many reads of one partition ask for its end at one moment. */
  readonly #ends = new Map<string, SharedRun<number>>();
  #refreshing: Promise<void> | undefined;
  #closed: Promise<void> | undefined;

  private constructor(settings: KafkaSettings, deps: KafkaDeps, options: Partial<ClientOptions>) {
    this.settings = settings;
    this.deps = deps;
    this.address = addressOf(settings);
    this.client = createClient(settings, deps, { retries: driverRetries, ...options });
    this.driver = createCluster(this.client.kafka, {
      metadataMaxAge: metadataMaxAgeMs,
      allowAutoTopicCreation: false,
      isolationLevel: readUncommitted,
    });
    tolerateMissingTopics(this.driver, deps.clock);
    changeSeeds(this.driver);
  }

  /**
   * @throws {LogUnavailableError} no broker answered within the request timeout; it names them
   * @throws {AccessDeniedError} the user is refused
   * @throws the abort reason when `signal` fires
   */
  static async open(
    settings: KafkaSettings,
    deps: KafkaDeps,
    options: Partial<ClientOptions> & CallOptions = {},
  ): Promise<LogCluster> {
    const cluster = new LogCluster(settings, deps, options);
    try {
      await connectWithin(cluster.client, () => cluster.#connect(), {
        limitMs: settings.requestTimeoutMs,
        address: cluster.address,
        signal: options.signal,
      });
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    return cluster;
  }

  /** Tries until it succeeds, is closed, or fails for a reason that time does not heal. */
  async #connect(): Promise<void> {
    for (;;) {
      try {
        await this.driver.connect();
        return;
      } catch (error) {
        const mapped = this.errorOf(error, { right: 'DESCRIBE' });
        if (!mapped.retryable) throw mapped;
        await this.pause(connectPauseMs);
      }
    }
  }

  /**
   * The time between two tries. Every loop that tries again pauses here, so that none outlives the
   * cluster.
   *
   * @throws {ClosedError} the cluster is closed, or becomes so
   * @throws the abort reason when `signal` fires
   */
  async pause(ms: number, { signal }: CallOptions = {}): Promise<void> {
    const closing = this.#closing.signal;
    const either = signal === undefined ? closing : AbortSignal.any([closing, signal]);
    await this.deps.clock.sleep(ms, { signal: either });
  }

  /** What the driver failed with, as one of our errors. */
  errorOf(error: unknown, place: Omit<CallPlace, 'address'>): JournalError {
    return journalErrorOf(error, { ...place, address: this.address });
  }

  /** What a fetch answered for one partition, as an error. */
  errorOfCode(code: number, place: Omit<CallPlace, 'address'>): JournalError {
    return journalErrorOf(protocolError(code), { ...place, address: this.address });
  }

  /**
   * Repeats what fails for a passing reason, with fresh metadata, for at most the request timeout.
   *
   * @throws {JournalError} what the last try failed with, mapped
   * @throws {ClosedError} the cluster is closed
   * @throws the abort reason when `signal` fires
   */
  async retrying<T>(
    place: Omit<CallPlace, 'address'> & CallOptions,
    run: () => Promise<T>,
  ): Promise<T> {
    const { clock } = this.deps;
    const giveUpMs = clock.steadyMs() + this.settings.requestTimeoutMs;
    for (;;) {
      place.signal?.throwIfAborted();
      try {
        return await run();
      } catch (error) {
        const mapped = this.errorOf(error, place);
        if (!mapped.retryable || clock.steadyMs() > giveUpMs) throw mapped;
      }
      await this.pause(connectPauseMs, place);
      await this.driver.refreshMetadata().catch(() => undefined);
    }
  }

  /**
   * Learns the partitions of a topic, once.
   *
   * @throws {NotSetUpError} it does not exist
   * @throws {AccessDeniedError} the user may not see it
   * @throws {ClosedError} the cluster is closed
   * @throws other errors of the log, mapped: it may be tried again
   */
  async learnTopic(topic: string): Promise<void> {
    this.#closing.signal.throwIfAborted();
    const known = this.#knownTopics.get(topic);
    // Without metadata, still or again: the topic was not there when somebody asked for all of
    // them.
    const stale =
      known !== undefined && this.#learned.has(topic) && !this.driver.targetTopics.has(topic);
    if (known !== undefined && !stale) return known;
    this.#learned.delete(topic);
    const learning = learnTopic(this, topic);
    this.#knownTopics.set(topic, learning);
    try {
      await learning;
      this.#learned.add(topic);
    } catch (error) {
      this.#knownTopics.delete(topic);
      throw error;
    }
  }

  /** False when the last metadata was without the topic: `learnTopic` asks for it again. */
  knows(topic: string): boolean {
    return this.driver.findTopicPartitionMetadata(topic).length > 0;
  }

  /**
   * Numbers of the partitions of a topic, ascending.
   *
   * @throws what `learnTopic` fails with
   */
  async partitionsOf(topic: string): Promise<number[]> {
    await this.learnTopic(topic);
    const partitions = this.driver.findTopicPartitionMetadata(topic);
    return partitions.map(({ partitionId }) => partitionId).sort((a, b) => a - b);
  }

  /**
   * Node that leads a partition.
   *
   * @throws {NotSetUpError} there is no such partition
   */
  leaderOf(topic: string, partition: number): string {
    const metadata = this.driver.findTopicPartitionMetadata(topic);
    const found = metadata.find(({ partitionId }) => partitionId === partition);
    if (found === undefined) {
      throw new NotSetUpError(
        `topic ${topic} has no partition ${partition} (Kafka at ${this.address})`,
      );
    }
    return String(found.leader);
  }

  /**
   * One fetch from one node.
   *
   * @throws driver errors as they are
   */
  async fetch(nodeId: string, request: FetchRequest): Promise<readonly FetchedPartition[]> {
    return fetchPartitions(await this.driver.findBroker({ nodeId }), request);
  }

  /**
   * One fetch from one node, of any topics.
   *
   * @throws driver errors as they are
   */
  async fetchPlaces(
    nodeId: string,
    places: readonly FetchPlace[],
    limits: FetchLimits,
  ): Promise<readonly FetchedPartition[]> {
    return fetchPlaces(await this.driver.findBroker({ nodeId }), places, limits);
  }

  /**
   * Partitions of a topic as of now; calls at the same time share one question.
   *
   * @throws what `learnTopic` fails with; driver errors as they are
   */
  async partitionCount(topic: string): Promise<number> {
    await this.learnTopic(topic);
    this.#refreshing ??= this.driver.refreshMetadata().finally(() => {
      this.#refreshing = undefined;
    });
    await this.#refreshing;
    const { length } = this.driver.findTopicPartitionMetadata(topic);
    // A broker that has just started may not know the topic. It is asked for again, with the next
    // try; taken for a number, 0 would end everything that is held in the topic.
    if (length === 0) throw protocolError(leaderNotAvailable);
    return length;
  }

  /**
   * What a partition keeps at the moment.
   *
   * @throws driver errors as they are
   */
  async offsetRange(topic: string, partition: number): Promise<OffsetRange> {
    const [start, end] = await Promise.all([
      this.#listOffset(topic, partition, true),
      this.#listOffset(topic, partition, false),
    ]);
    return { start, end };
  }

  /**
   * The offset after the last record of a partition.
   *
   * @throws driver errors as they are
   */
  endOffset(topic: string, partition: number): Promise<number> {
    const place = `${partition}:${topic}`;
    let looks = this.#ends.get(place);
    if (looks === undefined) {
      looks = new SharedRun(() => this.#listOffset(topic, partition, false));
      this.#ends.set(place, looks);
    }
    return looks.run();
  }

  async #listOffset(topic: string, partition: number, fromBeginning: boolean): Promise<number> {
    const answer = await this.driver.fetchTopicsOffset([
      { topic, partitions: [{ partition }], fromBeginning },
    ]);
    const found = answer[0]?.partitions[0];
    if (found === undefined)
      throw new NotSetUpError(`topic ${topic} has no partition ${partition}`);
    return Number(found.offset);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const closed = new ClosedError('the Kafka client is closed');
    this.#closing.abort(closed);
    // An orderly disconnect waits for requests under way; a broker that does not answer must not
    // hold up the end of the process.
    const bound = setTimeout(() => this.client.sockets.close(closed), closeLimitMs);
    await this.driver.disconnect().catch(() => undefined);
    clearTimeout(bound);
    this.client.sockets.close(closed);
  }
}

async function learnTopic(cluster: LogCluster, topic: string): Promise<void> {
  const { clock } = cluster.deps;
  const giveUpMs = clock.steadyMs() + unknownTopicLimitMs;
  for (;;) {
    try {
      await cluster.driver.addMultipleTargetTopics([topic]);
      // No topic is without partitions: the broker answered of others, or of none.
      if (cluster.knows(topic)) return;
      throw protocolError(leaderNotAvailable);
    } catch (error) {
      const unknown = protocolErrorOf(error) === 'UNKNOWN_TOPIC_OR_PARTITION';
      const leaderless = protocolErrorOf(error) === 'LEADER_NOT_AVAILABLE';
      // The next try has another connection, perhaps to another server.
      const lost = isDriverError(error, 'KafkaJSConnectionError', 'KafkaJSConnectionClosedError');
      if (!(unknown || leaderless || lost) || clock.steadyMs() > giveUpMs) {
        throw cluster.errorOf(error, { topic, right: 'DESCRIBE' });
      }
      await cluster.pause(unknownTopicPauseMs);
    }
  }
}
