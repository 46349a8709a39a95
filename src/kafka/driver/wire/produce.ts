import {
  type DriverBroker,
  type DriverCluster,
  type ProduceFields,
  produceRequest,
  protocolError,
} from '../kafkajs.ts';
import { codecOf } from './compression.ts';
import { recordBatchOf } from './record-batch-writer.ts';

/** What a broker said of the records of one partition. */
export interface SendAnswer {
  readonly topicName: string;
  readonly partition: number;
  /** Where they begin; only without an error. */
  readonly baseOffset?: string;
  /** Why they were not acknowledged: Kafka's answer, or the failure of the request. */
  readonly error?: Error;
  /** With an error: whether they may be stored all the same. */
  readonly isDoubtful?: boolean;
}

/**
 * Makes the brokers of a producer's cluster send record batches that are encoded and numbered here.
 * Partitions and leaders stay kafkajs's.
 *
 * kafkajs takes the first error of an answer for the answer to all partitions, and repeats a
 * request with all of them. Here a request never fails: each partition has its own answer, and the
 * caller of the send decides whether its records are sent again. A partition's sequence number
 * moves on when its records are acknowledged, as it does in the broker; so records that are sent
 * again carry the numbers that they had, and the broker recognises them.
 */
export function produceOurselves(cluster: DriverCluster): void {
  const sequences = new Sequences();
  const findBroker = cluster.findBroker;
  cluster.findBroker = async (node) => {
    const broker = await findBroker.call(cluster, node);
    broker.produce = (fields) => produce(broker, fields, sequences);
    return broker;
  };
}

type PartitionAnswer = Omit<SendAnswer, 'topicName'>;

/** The answer in the shape in which kafkajs hands it on to the caller of `send`. */
interface ProduceAnswer {
  readonly topics: readonly {
    readonly topicName: string;
    readonly partitions: readonly PartitionAnswer[];
  }[];
}

/** Sends the records of one broker, and answers by partition. Never rejects. */
async function produce(
  broker: DriverBroker,
  fields: ProduceFields,
  sequences: Sequences,
): Promise<ProduceAnswer> {
  let buffer: Buffer;
  try {
    buffer = encodeProduce(fields, sequences);
  } catch (error) {
    return failed(fields, error, false);
  }
  const { request, response } = produceRequest({ ...fields });
  let isDoubtful = false;
  const encode = async (): Promise<EncodedRequest> => {
    isDoubtful = true;
    return { buf: buffer, buffer };
  };
  try {
    const answer = await broker.connectionPool.send({
      request: { ...(request as object), encode },
      response: { decode: (bytes) => response.decode(bytes), parse: async (decoded) => decoded },
    });
    return answersOf(fields, answer as DecodedAnswer, sequences);
  } catch (error) {
    if ((error as Error).name === 'KafkaJSConnectionClosedError') await broker.disconnect();
    return failed(fields, error, isDoubtful);
  }
}

interface DecodedAnswer {
  readonly topics: readonly {
    readonly topicName: string;
    readonly partitions: readonly {
      readonly partition: number;
      readonly errorCode: number;
      readonly baseOffset: string;
    }[];
  }[];
}

/** The same answer for all partitions: the request failed. */
function failed(fields: ProduceFields, cause: unknown, isDoubtful: boolean): ProduceAnswer {
  const error = cause instanceof Error ? cause : new Error(String(cause));
  const topics = fields.topicData.map(({ topic, partitions }) => ({
    topicName: topic,
    partitions: partitions.map(({ partition }) => ({
      partition: Number(partition),
      error,
      isDoubtful,
    })),
  }));
  return { topics };
}

/** Answers about what was not asked are left out; a partition without an answer has none. */
function answersOf(
  fields: ProduceFields,
  { topics: answered }: DecodedAnswer,
  sequences: Sequences,
): ProduceAnswer {
  const topics = fields.topicData.map(({ topic, partitions }) => {
    const answers = answered.find(({ topicName }) => topicName === topic)?.partitions ?? [];
    return {
      topicName: topic,
      partitions: partitions.flatMap(({ partition: asked, messages }): PartitionAnswer[] => {
        const partition = Number(asked);
        const answer = answers.find((candidate) => candidate.partition === partition);
        if (answer === undefined) return [];
        if (answer.errorCode !== 0) {
          const error = protocolError(answer.errorCode);
          return [{ partition, error, isDoubtful: !refusedAtOnce.has(answer.errorCode) }];
        }
        sequences.moveOn(topic, partition, messages.length);
        return [{ partition, baseOffset: answer.baseOffset }];
      }),
    };
  });
  return { topics };
}

/**
 * Errors with which a broker refuses records before it appends them: TOPIC_AUTHORIZATION_FAILED,
 * CLUSTER_AUTHORIZATION_FAILED, MESSAGE_TOO_LARGE, RECORD_LIST_TOO_LARGE, INVALID_TOPIC_EXCEPTION,
 * NOT_ENOUGH_REPLICAS, INVALID_REQUIRED_ACKS, INVALID_TIMESTAMP, UNSUPPORTED_FOR_MESSAGE_FORMAT,
 * UNSUPPORTED_COMPRESSION_TYPE, INVALID_RECORD. With others, such as NOT_LEADER_FOR_PARTITION, it
 * may have appended them.
 */
const refusedAtOnce: ReadonlySet<number> = new Set([29, 31, 10, 18, 17, 19, 21, 32, 43, 76, 87]);

/** The number of the next record of each partition in the producer's session. */
class Sequences {
  readonly #next = new Map<string, number[]>();

  next(topic: string, partition: number): number {
    return this.#next.get(topic)?.[partition] ?? 0;
  }

  moveOn(topic: string, partition: number, records: number): void {
    let next = this.#next.get(topic);
    if (next === undefined) {
      next = [];
      this.#next.set(topic, next);
    }
    next[partition] = (next[partition] ?? 0) + records;
  }
}

/** The two members of kafkajs's encoder that it reads of a request's body. */
interface EncodedRequest {
  readonly buf: Buffer;
  readonly buffer: Buffer;
}

/**
 * transactional_id nullable string, acks int16, timeout int32, [topic string, [partition int32,
 * records bytes]]
 */
function encodeProduce(fields: ProduceFields, sequences: Sequences): Buffer {
  const parts: Buffer[] = [int16(-1), int16(fields.acks), int32(fields.timeout)];
  parts.push(int32(fields.topicData.length));
  const { producerEpoch } = fields;
  const producerId = BigInt(String(fields.producerId));
  const codec = codecOf(fields.compression);
  for (const { topic, partitions } of fields.topicData) {
    const name = Buffer.from(topic);
    parts.push(int16(name.length), name, int32(partitions.length));
    for (const partition of partitions) {
      const at = Number(partition.partition);
      const firstSequence = sequences.next(topic, at);
      const sender = { producerId, producerEpoch, firstSequence };
      const batch = recordBatchOf(partition.messages, sender, codec);
      parts.push(int32(at), int32(batch.length), batch);
    }
  }
  return Buffer.concat(parts);
}

function int16(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeInt32BE(value);
  return bytes;
}
