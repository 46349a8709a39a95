import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
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

/** A client of kafkajs; it connects to nothing yet. */
export const newKafka = (config: kafkajs.KafkaConfig): Kafka => new kafkajs.Kafka(config);

const require = createRequire(import.meta.url);

/** Metadata of one partition: the node id of its leader, -1 when it has none. */
export interface DriverPartition {
  readonly partitionId: number;
  readonly leader: number;
}

/** How the answer to a request is read: bytes to fields, then error codes to errors. */
export interface DriverResponse {
  /** @throws what the decoder throws over bytes that it does not expect */
  decode(bytes: Buffer): Promise<unknown>;
  /** @throws Kafka's error of an error code in the answer */
  parse(decoded: unknown): Promise<unknown>;
}

/** A request, encoded by `request`, with how its answer is read. */
export interface DriverRequest {
  readonly request: unknown;
  readonly response: DriverResponse;
  readonly requestTimeout?: number | null;
  /** Whether kafkajs logs an answer that is an error. */
  readonly logResponseError?: boolean;
}

/** A group, and the kind of coordinator that is asked for: 0 = of consumer groups. */
export interface CoordinatorQuestion {
  readonly groupId: string;
  readonly coordinatorType: number;
}

/** One broker, connected at need. */
export interface DriverBroker {
  readonly connectionPool: {
    send(request: DriverRequest): Promise<unknown>;
    getConnection(index: number): Promise<{
      send(request: DriverRequest): Promise<unknown>;
      readonly socket?: Socket;
    }>;
  };
  /** Never rejects for the broker's sake. */
  disconnect(): Promise<void>;
  /** @throws kafkajs's errors; `produceOurselves` replaces it by one that never rejects */
  produce(fields: ProduceFields): Promise<unknown>;
  /** @throws Kafka's error of the first topic that is missing or denied; kafkajs's errors */
  metadata(topics: readonly string[]): Promise<unknown>;
  /** @throws Kafka's error, as of a missing right; kafkajs's errors */
  findGroupCoordinator(question: CoordinatorQuestion): Promise<unknown>;
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

/** Names a broker. */
export interface NodeName {
  readonly nodeId: string;
}

/** Names a consumer group. */
export interface GroupName {
  readonly groupId: string;
}

/** Which end of some partitions of a topic is asked for. */
export interface OffsetQuestion {
  readonly topic: string;
  readonly partitions: readonly { readonly partition: number }[];
  /** Whether the first offset kept; else the one after the last record. */
  readonly fromBeginning: boolean;
}

/** The offsets of one topic, as decimal texts. */
export interface OffsetAnswer {
  readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
}

/**
 * kafkajs's internal cluster: connections and metadata. Its members reject with kafkajs's errors.
 */
export interface DriverCluster {
  /** The topics whose metadata is kept. */
  readonly targetTopics: Set<string>;
  /** @throws kafkajs's errors, when no broker answers */
  connect(): Promise<void>;
  /** Waits for requests under way. Never rejects for a broker's sake. */
  disconnect(): Promise<void>;
  /** @throws kafkajs's errors */
  refreshMetadata(): Promise<void>;
  /** @throws kafkajs's errors */
  refreshMetadataIfNecessary(): Promise<void>;
  /** @throws kafkajs's errors; `MissingTopicsError` after `tolerateMissingTopics` */
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
  findTopicPartitionMetadata(topic: string): readonly DriverPartition[];
  findBroker: (node: NodeName) => Promise<DriverBroker>;
  /** @throws kafkajs's errors, when no broker is known to coordinate the group */
  findGroupCoordinator(group: GroupName): Promise<DriverBroker>;
  /** @throws Kafka's error of the first partition that has one; kafkajs's errors */
  fetchTopicsOffset(questions: readonly OffsetQuestion[]): Promise<readonly OffsetAnswer[]>;
  readonly brokerPool: {
    findConnectedBroker(): Promise<DriverBroker>;
    connect(): Promise<void>;
    createSeedBroker(): Promise<void>;
    hasConnectedBrokers(): boolean;
    /** `null`: the next send asks for the leaders first. */
    metadataExpireAt: number | null;
  };
}

/** Options of kafkajs's internal cluster. */
export interface ClusterOptions {
  /** Milliseconds after which metadata is asked for anew. */
  readonly metadataMaxAge: number;
  readonly allowAutoTopicCreation: false;
  readonly isolationLevel: number;
}

/** Member of a consumer group: the join / sync / heartbeat / commit part of kafkajs's consumer. */
export interface DriverConsumerGroup {
  memberId: string | null;
  coordinator: DriverBroker | null;
  /** @throws Kafka's answer to the join; kafkajs's errors */
  joinAndSync(): Promise<void>;
  /** @throws Kafka's answer, as that the group rebalances; kafkajs's errors */
  heartbeat(options: HeartbeatInterval): Promise<void>;
  /** @throws kafkajs's errors */
  leave(): Promise<void>;
  assigned(): readonly { topic: string; partitions: readonly number[] }[];
  /** @throws Kafka's answer; kafkajs's errors: the offsets may be stored all the same */
  commitOffsets(offsets: CommittedOffsets): Promise<void>;
}

/** Milliseconds since the last heartbeat below which none is sent; 0 = one is sent now. */
export interface HeartbeatInterval {
  readonly interval: number;
}

/** Offsets to commit: of each partition the next one wanted, as a decimal text. */
export interface CommittedOffsets {
  readonly topics: readonly {
    readonly topic: string;
    readonly partitions: readonly {
      readonly partition: number;
      readonly offset: string;
      readonly metadata: string | null;
    }[];
  }[];
}

/** What a member asks to share in. */
export interface Subscription {
  readonly topics: readonly string[];
}

/** kafkajs's class of a group's member; its options are named at its one use. */
export const ConsumerGroup = require('kafkajs/src/consumer/consumerGroup') as new (
  options: Readonly<Record<string, unknown>>,
) => DriverConsumerGroup;

/** kafkajs's default assignor: the leader deals out the partitions one by one. */
export const roundRobin = require('kafkajs/src/consumer/assigners/roundRobinAssigner') as (
  options: Readonly<Record<string, unknown>>,
) => DriverAssigner;

/** How a group shares out its partitions. */
export interface DriverAssigner {
  protocol(subscription: Subscription): unknown;
}

/** The Metadata request of all topics. */
export const metadataRequest = requestOf('metadata', 6);

/** Version 5: the coordinator gives out the member id first; known to Kafka 2.3 and later. */
export const joinGroupRequest = requestOf('joinGroup', 5);

/** Version 3: known to Kafka 2.3 and later, as the join. */
export const syncGroupRequest = requestOf('syncGroup', 3);

/** Version 3: known to Kafka 2.3 and later, as the join. */
export const heartbeatRequest = requestOf('heartbeat', 3);

/** Version 2: names one member. */
export const leaveGroupRequest = requestOf('leaveGroup', 2);

/** Version 2: the newest that kafkajs speaks, known to Kafka 2.0 and later. */
export const describeGroupsRequest = requestOf('describeGroups', 2);

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

/**
 * Version 7 of the Produce request: the newest that kafkajs speaks, known to Kafka 2.1 and later.
 */
export const produceRequest = requestOf('produce', 7);

/** CRC-32C of the bytes. */
export const crc32c = require('kafkajs/src/protocol/recordBatch/crc32C') as (
  bytes: Buffer,
) => number;

/** What a member says of itself, and what it is given, as Kafka's own tools expect them. */
export const { MemberMetadata, MemberAssignment } = kafkajs.AssignerProtocol;

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

/** Calls `listener` with each internal cluster that `kafka` makes: a producer hides its own. */
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
