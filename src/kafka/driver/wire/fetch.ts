import { type DriverBroker, type DriverResponse, fetchRequest } from '../kafkajs.ts';
import { maxFrameBytes } from './answer-frames.ts';

/** Where to read and how much. */
export interface FetchRequest extends FetchLimits {
  readonly topic: string;
  readonly partitions: readonly { readonly partition: number; readonly offset: number }[];
}

/** When a broker answers, and with how much. */
export interface FetchLimits {
  /** The broker answers after this time, even with nothing. */
  readonly maxWaitMs: number;
  readonly minBytes: number;
  readonly maxBytes: number;
  readonly maxPartitionBytes: number;
}

/** The next offset wanted of one partition. */
export interface FetchPlace {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** What a broker answered about one partition. */
export interface FetchedPartition {
  readonly topic: string;
  readonly partition: number;
  /** Kafka's error code; 0 = none. */
  readonly errorCode: number;
  /** One above the last offset that consumers may see; -1 with an error. */
  readonly endOffset: number;
  /** First offset kept. */
  readonly startOffset: number;
  /** Whole record batches, the last one possibly cut. */
  readonly records: Buffer;
}

const readUncommitted = 0;
/** A first batch that is larger comes all the same; half of what a connection takes leaves room. */
const maxFetchBytes = maxFrameBytes / 2;

/**
 * One Fetch request. kafkajs's own `broker.fetch` decodes every record with its headers, some
 * microseconds each; here the record bytes stay as they are, and the reader decodes what it
 * delivers.
 *
 * @throws driver errors as they are; an error of one partition is in its answer
 */
export function fetchPartitions(
  broker: DriverBroker,
  request: FetchRequest,
): Promise<readonly FetchedPartition[]> {
  const { topic, partitions } = request;
  const places = partitions.map(({ partition, offset }) => ({ topic, partition, offset }));
  return fetchPlaces(broker, places, request);
}

/**
 * One Fetch request for partitions of any topics, each at most once.
 *
 * @throws driver errors as they are; an error of one partition is in its answer
 */
export async function fetchPlaces(
  broker: DriverBroker,
  places: readonly FetchPlace[],
  limits: FetchLimits,
): Promise<readonly FetchedPartition[]> {
  const protocol = fetchRequest({
    isolationLevel: readUncommitted,
    maxWaitTime: limits.maxWaitMs,
    minBytes: limits.minBytes,
    maxBytes: Math.min(limits.maxBytes, maxFetchBytes),
    rackId: '',
    topics: [...Map.groupBy(places, ({ topic }) => topic)].map(([topic, partitions]) => ({
      topic,
      partitions: partitions.map(({ partition, offset }) => ({
        partition,
        fetchOffset: String(offset),
        maxBytes: limits.maxPartitionBytes,
      })),
    })),
  });
  const response: DriverResponse = { decode, parse: async (decoded) => decoded };
  try {
    const answer = await broker.connectionPool.send({ ...protocol, response });
    return (answer as Decoded).partitions;
  } catch (error) {
    // kafkajs keeps a broker whose connection is closed until somebody disconnects it.
    if ((error as Error).name === 'KafkaJSConnectionClosedError') await broker.disconnect();
    throw error;
  }
}

interface Decoded {
  readonly clientSideThrottleTime: number;
  readonly partitions: readonly FetchedPartition[];
}

/**
 * throttle_time int32, error int16, session int32, [topic string, [partition int32, error int16,
 * high_watermark int64, last_stable int64, log_start int64, [producer int64, first int64],
 * preferred_replica int32, records bytes]]
 */
async function decode(bytes: Buffer): Promise<Decoded> {
  const partitions: FetchedPartition[] = [];
  let at = 4 + 2 + 4;
  const topics = bytes.readInt32BE(at);
  at += 4;
  for (let t = 0; t < topics; t++) {
    const nameAt = at + 2;
    at = nameAt + bytes.readInt16BE(at);
    const topic = bytes.toString('utf8', nameAt, at);
    const count = bytes.readInt32BE(at);
    at += 4;
    for (let p = 0; p < count; p++) {
      const aborted = Math.max(0, bytes.readInt32BE(at + 30));
      const recordsAt = at + 34 + aborted * 16 + 4 + 4;
      const size = Math.max(0, bytes.readInt32BE(recordsAt - 4));
      if (recordsAt + size > bytes.length) throw new RangeError('an answer of Fetch is cut off');
      partitions.push({
        topic,
        partition: bytes.readInt32BE(at),
        errorCode: bytes.readInt16BE(at + 4),
        endOffset: Number(bytes.readBigInt64BE(at + 6)),
        startOffset: Number(bytes.readBigInt64BE(at + 22)),
        records: bytes.subarray(recordsAt, recordsAt + size),
      });
      at = recordsAt + size;
    }
  }
  return { clientSideThrottleTime: bytes.readInt32BE(0), partitions };
}
