import { createRequire } from 'node:module';
import kafkajs, { type ICustomPartitioner, type Kafka, type Message, type Producer } from 'kafkajs';
import { closeOnForeignAnswers } from './connections/foreign-answers.ts';
import { useConnectionsOnce } from './connections/single-use-connections.ts';
import { codecs } from './wire/compression.ts';
import type { OutgoingRecord } from './wire/outgoing-record.ts';

/**
 * Everything that is taken from kafkajs 2.2.4, the pinned and final version (ADR 6): its public
 * classes, and the internals that reading without a group and joining a group on our own terms
 * need. The internals are typed here by the few members that are used.
 */
export type { ICustomPartitioner, Kafka, Message, Producer };

export const newKafka = (config: kafkajs.KafkaConfig): Kafka => new kafkajs.Kafka(config);

const require = createRequire(import.meta.url);

export interface DriverPartition {
  readonly partitionId: number;
  readonly leader: number;
}

export interface DriverRequest {
  readonly request: unknown;
  readonly response: {
    decode(bytes: Buffer): Promise<unknown>;
    parse(decoded: unknown): Promise<unknown>;
  };
  readonly requestTimeout?: number | null;
  /** Whether kafkajs logs an answer that is an error. */
  readonly logResponseError?: boolean;
}

export interface DriverBroker {
  readonly connectionPool: {
    send(request: DriverRequest): Promise<unknown>;
    getConnection(index: number): Promise<{ send(request: DriverRequest): Promise<unknown> }>;
  };
  disconnect(): Promise<void>;
  produce(fields: ProduceFields): Promise<unknown>;
  metadata(topics: readonly string[]): Promise<unknown>;
  findGroupCoordinator(group: { groupId: string; coordinatorType: number }): Promise<unknown>;
}

/** What kafkajs's producer hands to a broker: the records of one send, by topic and partition. */
export interface ProduceFields {
  readonly acks: number;
  readonly timeout: number;
  readonly compression: number;
  /** A `Long`, or a text of digits. */
  readonly producerId: { toString(): string };
  readonly producerEpoch: number;
  readonly topicData: readonly {
    readonly topic: string;
    readonly partitions: readonly {
      /** kafkajs takes it from the keys of an object, so it may be a text. */
      readonly partition: number | string;
      readonly messages: readonly OutgoingRecord[];
    }[];
  }[];
}

export interface DriverCluster {
  readonly targetTopics: Set<string>;
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  refreshMetadata(): Promise<void>;
  refreshMetadataIfNecessary(): Promise<void>;
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
  findTopicPartitionMetadata(topic: string): readonly DriverPartition[];
  findBroker: (node: { nodeId: string }) => Promise<DriverBroker>;
  findGroupCoordinator(group: { groupId: string }): Promise<DriverBroker>;
  fetchTopicsOffset(
    topics: readonly {
      topic: string;
      partitions: readonly { partition: number }[];
      fromBeginning: boolean;
    }[],
  ): Promise<readonly { partitions: readonly { partition: number; offset: string }[] }[]>;
  readonly brokerPool: {
    findConnectedBroker(): Promise<DriverBroker>;
    connect(): Promise<void>;
    createSeedBroker(): Promise<void>;
    hasConnectedBrokers(): boolean;
    /** `null`: the next send asks for the leaders first. */
    metadataExpireAt: number | null;
  };
}

export interface ClusterOptions {
  readonly metadataMaxAge: number;
  readonly allowAutoTopicCreation: false;
  readonly isolationLevel: number;
}

/** Member of a consumer group: the join / sync / heartbeat / commit part of kafkajs's consumer. */
export interface DriverConsumerGroup {
  memberId: string | null;
  coordinator: DriverBroker | null;
  joinAndSync(): Promise<void>;
  heartbeat(options: { interval: number }): Promise<void>;
  leave(): Promise<void>;
  assigned(): readonly { topic: string; partitions: readonly number[] }[];
  commitOffsets(offsets: {
    topics: readonly {
      topic: string;
      partitions: readonly { partition: number; offset: string; metadata: string | null }[];
    }[];
  }): Promise<void>;
}

export const ConsumerGroup = require('kafkajs/src/consumer/consumerGroup') as new (
  options: Readonly<Record<string, unknown>>,
) => DriverConsumerGroup;

export const roundRobin = require('kafkajs/src/consumer/assigners/roundRobinAssigner') as (
  options: Readonly<Record<string, unknown>>,
) => DriverAssigner;

/** How a group shares out its partitions. */
export interface DriverAssigner {
  protocol(subscription: { topics: readonly string[] }): unknown;
}

/** The Metadata request of all topics. */
export const metadataRequest = requestOf('metadata', 6);

/** Version 5: the coordinator gives out the member id first; known to Kafka 2.3 and later. */
export const joinGroupRequest = requestOf('joinGroup', 5);

export const leaveGroupRequest = requestOf('leaveGroup', 2);

const protocolErrors = require('kafkajs/src/protocol/error') as {
  readonly createErrorFromCode: (code: number) => Error;
  readonly errorCodes: readonly { readonly message: string; readonly retriable: boolean }[];
};

/** Kafka's error of a number, as kafkajs throws it. */
export const protocolError = protocolErrors.createErrorFromCode;

/** Whether the driver's errors say of themselves that trying again may help. */
export function isRetriable(error: Error): boolean {
  return (error as { readonly retriable?: boolean }).retriable === true;
}

/** Messages of the answers that stay the same however often one asks. */
export const refusals: ReadonlySet<string> = new Set(
  protocolErrors.errorCodes.filter(({ retriable }) => !retriable).map(({ message }) => message),
);

/**
 * Version 11 of the Fetch request: the newest that kafkajs speaks, known to Kafka 2.3 and later.
 */
export const fetchRequest = requestOf('fetch', 11);

/** Version 7 of the Produce request: the newest that kafkajs speaks, known to Kafka 2.1 and later. */
export const produceRequest = requestOf('produce', 7);

/** CRC-32C of the bytes. */
export const crc32c = require('kafkajs/src/protocol/recordBatch/crc32C') as (
  bytes: Buffer,
) => number;

type RequestFactory = (fields: Readonly<Record<string, unknown>>) => DriverRequest;

function requestOf(name: string, version: number): RequestFactory {
  const path = `kafkajs/src/protocol/requests/${name}`;
  return (require(path) as { protocol(v: { version: number }): RequestFactory }).protocol({
    version,
  });
}

/** The internal cluster (connections and metadata) of a client, as its consumers get one. */
export function createCluster(kafka: Kafka, options: ClusterOptions): DriverCluster {
  return clusterFactory(kafka)(options);
}

/** Tells of each internal cluster that `kafka` makes from now on: a producer hides its own. */
export function onClusterCreated(kafka: Kafka, listener: (cluster: DriverCluster) => void): void {
  const create = clusterFactory(kafka);
  Object.assign(kafka, {
    [clusterSymbol(kafka)]: (options: ClusterOptions) => {
      const cluster = create(options);
      listener(cluster);
      return cluster;
    },
  });
}

type ClusterFactory = (options: ClusterOptions) => DriverCluster;

function clusterFactory(kafka: Kafka): ClusterFactory {
  return (kafka as unknown as Record<symbol, ClusterFactory>)[
    clusterSymbol(kafka)
  ] as ClusterFactory;
}

function clusterSymbol(kafka: Kafka): symbol {
  const symbol = Object.getOwnPropertySymbols(kafka).find(
    ({ description }) => description === 'private:Kafka:createCluster',
  );
  if (symbol === undefined) throw new Error('kafkajs 2.2.4 is expected: its cluster was not found');
  return symbol;
}

interface RequestQueue {
  readonly pending: readonly unknown[];
  scheduleCheckPendingRequests: (this: RequestQueue) => void;
}

/**
 * kafkajs computes a negative timeout for its check of waiting requests, which Node turns into 1 ms
 * and the check re-arms for ever: 900 wake-ups a second and connection. With nothing waiting there
 * is nothing to check; a request that has to wait schedules its own check.
 */
function repairTimerLoop(): void {
  const { prototype } = require('kafkajs/src/network/requestQueue') as { prototype: RequestQueue };
  const schedule = prototype.scheduleCheckPendingRequests;
  prototype.scheduleCheckPendingRequests = function (this: RequestQueue): void {
    if (this.pending.length > 0) schedule.call(this);
  };
}

function registerCodecs(): void {
  const registry = kafkajs.CompressionCodecs as unknown as Record<number, () => unknown>;
  for (const codec of codecs) {
    registry[codec.id] = () => ({
      compress: async (encoder: { buffer: Buffer }) => codec.compress(encoder.buffer),
      decompress: async (bytes: Buffer) => codec.decompress(bytes),
    });
  }
}

repairTimerLoop();
useConnectionsOnce();
closeOnForeignAnswers();
registerCodecs();
