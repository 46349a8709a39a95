import { decompress } from '../../../src/kafka/driver/wire/compression.ts';
import { RecordCursor, recordBatchesOf } from '../../../src/kafka/record-batches.ts';

/** Kafka's error codes that the log gives by itself. */
export const logErrors = { messageTooLarge: 10, outOfOrderSequence: 45 } as const;

/** A batch as a broker sees it. */
export interface IncomingBatch {
  readonly topic: string;
  readonly partition: number;
  readonly producerId: bigint;
  readonly firstSequence: number;
  readonly bytes: number;
  readonly records: readonly StoredRecord[];
}

export interface StoredRecord {
  readonly key: string;
  readonly value: string | undefined;
}

interface Remembered {
  readonly first: number;
  readonly count: number;
  readonly baseOffset: number;
}

/** How many batches of a producer Kafka remembers to recognise them. */
const rememberedBatches = 5;

/**
 * The partitions of a broker, which take batches in Kafka's order of checks: size, then the
 * sequence numbers of the producer. It is stricter than Kafka in one thing: a producer's first
 * number is 0.
 */
export class FakeLog {
  /** `max.message.bytes` of every topic. */
  maxMessageBytes = Number.POSITIVE_INFINITY;
  /** Refuses a batch with an error code, before anything else is looked at. */
  refuse: (batch: IncomingBatch) => number | undefined = () => undefined;
  /** Batches that came, stored or not. */
  readonly batches: IncomingBatch[] = [];
  readonly #stored = new Map<string, StoredRecord[]>();
  readonly #producers = new Map<string, Remembered[]>();

  /** What a partition holds, in the order of offsets. */
  of(topic: string, partition: number): readonly StoredRecord[] {
    return this.#stored.get(`${topic}:${partition}`) ?? [];
  }

  append(topic: string, partition: number, bytes: Buffer): { code: number; baseOffset: number } {
    const batch = batchOf(topic, partition, bytes);
    this.batches.push(batch);
    const refused =
      this.refuse(batch) ??
      (batch.bytes > this.maxMessageBytes ? logErrors.messageTooLarge : undefined);
    return refused === undefined ? this.#append(batch) : { code: refused, baseOffset: -1 };
  }

  #append(batch: IncomingBatch): { code: number; baseOffset: number } {
    const place = `${batch.topic}:${batch.partition}`;
    const producer = `${place}:${batch.producerId}`;
    const remembered = this.#producers.get(producer) ?? [];
    const { firstSequence: first, records } = batch;
    const same = remembered.find((each) => each.first === first && each.count === records.length);
    if (same !== undefined) return { code: 0, baseOffset: same.baseOffset };
    const last = remembered.at(-1);
    const next = last === undefined ? 0 : last.first + last.count;
    if (first !== next) return { code: logErrors.outOfOrderSequence, baseOffset: -1 };
    const stored = this.#stored.get(place) ?? [];
    const baseOffset = stored.length;
    stored.push(...records);
    this.#stored.set(place, stored);
    remembered.push({ first, count: records.length, baseOffset });
    this.#producers.set(producer, remembered.slice(-rememberedBatches));
    return { code: 0, baseOffset };
  }
}

function batchOf(topic: string, partition: number, bytes: Buffer): IncomingBatch {
  const [batch] = recordBatchesOf(bytes);
  if (batch === undefined) throw new Error('a produce request without a whole batch');
  const cursor = new RecordCursor(batch, decompress(batch.compression, batch.body));
  const records: StoredRecord[] = [];
  while (cursor.next()) {
    const key = cursor.keyText() ?? '';
    const { value } = cursor.record();
    records.push({ key, value: value === undefined ? undefined : Buffer.from(value).toString() });
  }
  return {
    topic,
    partition,
    producerId: bytes.readBigInt64BE(43),
    firstSequence: bytes.readInt32BE(53),
    bytes: bytes.length,
    records,
  };
}
