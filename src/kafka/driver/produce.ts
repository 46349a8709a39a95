import { codecOf } from './compression.ts';
import {
  type DriverBroker,
  type DriverCluster,
  type ProduceFields,
  type ProducePartition,
  produceRequest,
} from './kafkajs.ts';
import { recordBatchOf } from './record-batch-writer.ts';

/**
 * Makes the brokers of a producer's cluster send record batches that are encoded here. All else
 * of a send stays kafkajs's: partitions, leaders, sequence numbers, retries.
 */
export function encodeBatchesOurselves(cluster: DriverCluster): void {
  const findBroker = cluster.findBroker;
  cluster.findBroker = async (node) => {
    const broker = await findBroker.call(cluster, node);
    broker.produce = (fields) => produce(broker, fields);
    return broker;
  };
}

async function produce(broker: DriverBroker, fields: ProduceFields): Promise<unknown> {
  const protocol = produceRequest({ ...fields });
  const encode = async (): Promise<EncodedRequest> => {
    const buffer = encodeProduce(fields);
    return { buf: buffer, buffer };
  };
  try {
    return await broker.connectionPool.send({
      ...protocol,
      request: { ...(protocol.request as object), encode },
    });
  } catch (error) {
    if ((error as Error).name === 'KafkaJSConnectionClosedError') await broker.disconnect();
    throw error;
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
function encodeProduce(fields: ProduceFields): Buffer {
  const parts: Buffer[] = [int16(-1), int16(fields.acks), int32(fields.timeout)];
  parts.push(int32(fields.topicData.length));
  for (const { topic, partitions } of fields.topicData) {
    const name = Buffer.from(topic);
    parts.push(int16(name.length), name, int32(partitions.length));
    for (const partition of partitions) {
      const batch = batchOf(fields, partition);
      parts.push(int32(Number(partition.partition)), int32(batch.length), batch);
    }
  }
  return Buffer.concat(parts);
}

function batchOf(fields: ProduceFields, { messages, firstSequence }: ProducePartition): Buffer {
  const sender = {
    producerId: BigInt(String(fields.producerId)),
    producerEpoch: fields.producerEpoch,
    firstSequence,
  };
  const { id, compress } = codecOf(fields.compression);
  return recordBatchOf(messages, sender, { id, compress });
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
