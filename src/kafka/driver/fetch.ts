import { type DriverBroker, fetchRequest } from './kafkajs.ts';

/** Where to read and how much. */
export interface FetchRequest {
  readonly topic: string;
  readonly partitions: readonly { readonly partition: number; readonly offset: number }[];
  /** The broker answers after this time, even with nothing. */
  readonly maxWaitMs: number;
  readonly minBytes: number;
  readonly maxBytes: number;
  readonly maxPartitionBytes: number;
}

/** What a broker answered about one partition. */
export interface FetchedPartition {
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

/**
 * One Fetch request. kafkajs's own `broker.fetch` decodes every record with its headers, some
 * microseconds each; here the record bytes stay as they are, and the reader decodes what it
 * delivers.
 */
export async function fetchPartitions(
  broker: DriverBroker,
  request: FetchRequest,
): Promise<readonly FetchedPartition[]> {
  const { topic, partitions, maxPartitionBytes } = request;
  const protocol = fetchRequest({
    isolationLevel: readUncommitted,
    maxWaitTime: request.maxWaitMs,
    minBytes: request.minBytes,
    maxBytes: request.maxBytes,
    rackId: '',
    topics: [
      {
        topic,
        partitions: partitions.map(({ partition, offset }) => ({
          partition,
          fetchOffset: String(offset),
          maxBytes: maxPartitionBytes,
        })),
      },
    ],
  });
  const answer = await send(broker, { ...protocol, response: { decode, parse } });
  return (answer as Decoded).partitions;
}

async function send(
  broker: DriverBroker,
  request: Parameters<DriverBroker['connectionPool']['send']>[0],
) {
  try {
    return await broker.connectionPool.send(request);
  } catch (error) {
    if ((error as Error).name === 'KafkaJSConnectionClosedError') await broker.disconnect();
    throw error;
  }
}

interface Decoded {
  readonly clientSideThrottleTime: number;
  readonly partitions: readonly FetchedPartition[];
}

async function parse(decoded: unknown): Promise<unknown> {
  return decoded;
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
    at += 2 + bytes.readInt16BE(at);
    const count = bytes.readInt32BE(at);
    at += 4;
    for (let p = 0; p < count; p++) {
      const aborted = Math.max(0, bytes.readInt32BE(at + 30));
      const recordsAt = at + 34 + aborted * 16 + 4 + 4;
      const size = Math.max(0, bytes.readInt32BE(recordsAt - 4));
      partitions.push({
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
