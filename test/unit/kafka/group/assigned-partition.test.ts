import { createRequire } from 'node:module';
import { expect } from 'chai';
import { AssignedPartition, type Chunk } from '../../../../src/kafka/group/assigned-partition.ts';
import '../../../../src/kafka/driver/kafkajs.ts';
import { type RecordBatch, recordBatchesOf } from '../../../../src/kafka/record-batches.ts';
import { CodecError, DataIntegrityError } from '../../../../src/model/errors.ts';
import { Partition } from '../../../../src/model/position.ts';
import type {
  BlockedStretch,
  PartitionBatch,
  TopicSubscriber,
} from '../../../../src/ports/topic-consumer.ts';
import { settle } from '../../../support/replicator/manual-clock.ts';
import { gate } from '../../../support/replicator/test-replicator.ts';

const require = createRequire(import.meta.url);
const { RecordBatch: encodeBatch } = require('kafkajs/src/protocol/recordBatch/v0');
const encodeRecord = require('kafkajs/src/protocol/recordBatch/record/v0');

async function batchOf(firstOffset: number, count: number, bytes = 10): Promise<RecordBatch> {
  const value = Buffer.alloc(bytes);
  const records = Array.from({ length: count }, (_, offsetDelta) =>
    encodeRecord({ key: Buffer.from('a'), value, timestampDelta: 0, headers: {}, offsetDelta }),
  );
  const [first, last] = [Date.now(), count - 1];
  const times = { firstTimestamp: first, maxTimestamp: first, lastOffsetDelta: last };
  const { buffer } = await encodeBatch({ ...times, firstOffset, records });
  const [batch] = recordBatchesOf(Buffer.from(buffer));
  if (batch === undefined) throw new Error('one batch');
  return batch;
}

async function chunkOf(firstOffset: number, count: number, bytes = 10): Promise<Chunk> {
  const nextOffset = firstOffset + count;
  const batches = [await batchOf(firstOffset, count, bytes)];
  return { batches, nextOffset, endOffset: nextOffset + 100, bytes: 1_000 };
}

const unknownCompression = 7;

async function damagedChunk(firstOffset: number, count: number): Promise<Chunk> {
  const chunk = await chunkOf(firstOffset, count);
  const batches = chunk.batches.map((batch) => ({ ...batch, compression: unknownCompression }));
  return { ...chunk, batches };
}

function assigned(changes: Partial<TopicSubscriber> = {}, offset = 0) {
  const batches: PartitionBatch[] = [];
  const blocked: BlockedStretch[] = [];
  const errors: unknown[] = [];
  const subscriber: TopicSubscriber = {
    assigned: async () => undefined,
    records: async (batch) => {
      batches.push(batch);
    },
    blocked: async (stretch) => {
      blocked.push(stretch);
    },
    revoked: async () => {},
    lost: async () => {},
    ...changes,
  };
  const start = { partition: Partition.of(0), offset, topic: 't', sliceRecords: 25 };
  const partition = new AssignedPartition({ ...start, aheadBytes: 3_000 }, subscriber, {
    onRoom: () => {},
    onError: (error) => errors.push(error),
    steadyMs: () => 0,
    isOwned: () => true,
  });
  return { partition, batches, blocked, errors };
}

const sizes = (batches: readonly PartitionBatch[]) => batches.map(({ records }) => records.length);

describe('an assigned partition', () => {
  it('delivers each chunk as it arrives while the subscriber keeps up', async () => {
    const { partition, batches } = assigned();
    for (let chunk = 0; chunk < 3; chunk++) {
      partition.accept(await chunkOf(chunk * 4, 4));
      await settle();
    }
    expect(sizes(batches)).to.deep.equal([4, 4, 4]);
    expect(batches.map(({ nextOffset }) => nextOffset)).to.deep.equal([4, 8, 12]);
    expect(batches[0]?.endOffset).to.equal(104);
  });

  it('delivers together what came while the subscriber was busy, in slices of bounded size', async () => {
    const busy = gate();
    const batches: PartitionBatch[] = [];
    const records = async (batch: PartitionBatch): Promise<void> => {
      batches.push(batch);
      if (batches.length === 1) await busy.opened;
    };
    const { partition } = assigned({ records });
    partition.accept(await chunkOf(0, 1));
    for (let chunk = 0; chunk < 3; chunk++) partition.accept(await chunkOf(1 + chunk * 20, 20));
    busy.open();
    await settle();
    expect(sizes(batches)).to.deep.equal([1, 25, 25, 10]);
    expect(batches.map(({ nextOffset }) => nextOffset)).to.deep.equal([1, 26, 51, 61]);
  });

  it('makes smaller slices of larger records', async () => {
    const { partition, batches } = assigned();
    partition.accept(await chunkOf(0, 20, 1024 * 1024));
    await settle();
    expect(sizes(batches)).to.deep.equal([8, 8, 4]);
  }).timeout(20_000); // 20 MiB are compressed

  it('has room until so many bytes wait, and again when they are taken', async () => {
    const busy = gate();
    const { partition } = assigned({ records: () => busy.opened });
    partition.accept(await chunkOf(0, 1));
    for (let chunk = 1; chunk <= 3; chunk++) {
      expect(partition.hasRoom).to.equal(true);
      partition.accept(await chunkOf(chunk, 1));
    }
    expect(partition.hasRoom).to.equal(false);
    busy.open();
    await settle();
    expect(partition.hasRoom).to.equal(true);
  });

  it('delivers what lies before a batch that cannot be decompressed, asks, and goes on after it', async () => {
    const { partition, batches, blocked } = assigned();
    const [good, bad, next] = [await chunkOf(0, 5), await damagedChunk(5, 3), await chunkOf(8, 2)];
    for (const chunk of [good, bad, next]) partition.accept(chunk);
    await settle();
    expect(batches.map(({ nextOffset }) => nextOffset)).to.deep.equal([5, 10]);
    expect(sizes(batches)).to.deep.equal([5, 2]);
    expect(blocked).to.have.length(1);
    expect(blocked[0]).to.deep.include({ partition: 0, offset: 5, nextOffset: 8 });
    expect(blocked[0]?.error).to.be.instanceOf(CodecError);
  });

  it('fetches nothing more while it is blocked, and goes on where it may', async () => {
    const wait = gate();
    const { partition, batches } = assigned({ blocked: () => wait.opened }, 3);
    const error = new DataIntegrityError('records are missing');
    partition.block({ offset: 3, nextOffset: 10, error });
    expect(partition.hasRoom).to.equal(false);
    wait.open();
    await settle();
    expect(partition.hasRoom).to.equal(true);
    expect(partition.next).to.equal(10);
    partition.accept(await chunkOf(8, 4));
    await settle();
    expect(batches.flatMap(({ records }) => records.map(({ offset }) => offset))).to.deep.equal([
      10, 11,
    ]);
  });

  it('ends a wait in front of a blockage when it is given up', async () => {
    const signals: AbortSignal[] = [];
    const blocked = (_: BlockedStretch, signal: AbortSignal): Promise<void> =>
      new Promise((resolve) => {
        signals.push(signal);
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    const { partition, errors } = assigned({ blocked });
    const error = new DataIntegrityError('records are missing');
    partition.block({ offset: 0, nextOffset: undefined, error });
    await partition.drain();
    expect(signals).to.have.length(1);
    expect(errors).to.deep.equal([]);
  });

  it('ends the subscription with the error when nobody handles a blockage', async () => {
    const { partition, errors } = assigned({ blocked: undefined } as never);
    const error = new DataIntegrityError('records are missing');
    partition.block({ offset: 0, nextOffset: undefined, error });
    await settle();
    expect(errors).to.deep.equal([error]);
  });
});
