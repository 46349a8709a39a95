import { expect } from 'chai';
import { codecOf, compressionId } from '../../../../src/kafka/driver/wire/compression.ts';
import { recordBatchOf } from '../../../../src/kafka/driver/wire/record-batch-writer.ts';
import { FollowedPartition } from '../../../../src/kafka/reader/followed-partition.ts';
import { CodecError } from '../../../../src/model/errors.ts';
import { Offset, Partition, Topic } from '../../../../src/model/position.ts';

const place = { topic: Topic.of('journal'), partition: Partition.of(0) };
const sender = { producerId: 1n, producerEpoch: 0, firstSequence: 0 };

/** Three records from `base` on that are no journal records; a broken one cannot be unpacked. */
function batchAt(base: number, isBroken = false): Buffer {
  const record = { key: Buffer.from('k'), value: null, timestampMs: 1, headers: {}, partition: 0 };
  const records = [record, record, record] as const;
  const bytes = recordBatchOf([...records], sender, codecOf(compressionId('gzip')));
  bytes.writeBigInt64BE(BigInt(base), 0);
  if (isBroken) bytes.fill(0xff, bytes.length - 20);
  return bytes;
}

/** Where the steps of what was fetched end. */
function stepsOf(wantedFrom: number, ...batches: readonly Buffer[]): number[] {
  const start = { ...place, from: Offset.of(0), wantedFrom: () => Offset.of(wantedFrom) };
  const followed = new FollowedPartition(start);
  followed.accept(Buffer.concat(batches));
  return [...followed.take()].map(({ next }) => next);
}

describe('FollowedPartition', () => {
  it('does not even unpack a batch that is wholly before what is wanted, and moves on over it', () => {
    expect(stepsOf(3, batchAt(0, true), batchAt(3))).to.deep.equal([3, 6]);
    expect(stepsOf(9, batchAt(0, true), batchAt(3, true))).to.deep.equal([3, 6]);
  });

  it('reads a batch of which the last record is wanted', () => {
    for (const wanted of [0, 2]) {
      expect(() => stepsOf(wanted, batchAt(0, true))).to.throw(CodecError);
      expect(stepsOf(wanted, batchAt(0))).to.deep.equal([3]);
    }
  });

  it('asks anew before each batch', () => {
    const wanted = [0, 6, 6];
    const start = {
      ...place,
      from: Offset.of(0),
      wantedFrom: () => Offset.of(wanted.shift() ?? 0),
    };
    const followed = new FollowedPartition(start);
    followed.accept(Buffer.concat([batchAt(0), batchAt(3, true), batchAt(6)]));
    expect([...followed.take()].map(({ next }) => next)).to.deep.equal([3, 6, 9]);
  });
});
