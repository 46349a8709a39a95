import { createRequire } from 'node:module';
import { expect } from 'chai';
import fc from 'fast-check';
import { codecs, compressionId, decompress } from '../../../src/kafka/driver/wire/compression.ts';
import '../../../src/kafka/driver/kafkajs.ts';
import { RecordCursor, recordBatchesOf } from '../../../src/kafka/record-batches.ts';

// kafkajs's encoder of the same format is the other implementation.
const require = createRequire(import.meta.url);
const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0');
const Record = require('kafkajs/src/protocol/recordBatch/record/v0');

interface Sample {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly timestampDelta: number;
  readonly headers: Readonly<{ [name: string]: Buffer }>;
}

const firstTimestamp = 1_700_000_000_000;

async function batchBytes(
  samples: readonly Sample[],
  options: Readonly<{ [name: string]: unknown }> = {},
): Promise<Buffer> {
  const records = samples.map((sample, offsetDelta) => Record({ ...sample, offsetDelta }));
  const batch = await RecordBatch({
    firstTimestamp,
    maxTimestamp: firstTimestamp + 5,
    lastOffsetDelta: samples.length - 1,
    records,
    ...options,
  });
  return Buffer.from(batch.buffer);
}

function decoded(bytes: Buffer) {
  return recordBatchesOf(bytes).flatMap((batch) => {
    const cursor = new RecordCursor(batch, decompress(batch.compression, batch.body));
    const records = [];
    while (cursor.next()) records.push({ keyText: cursor.keyText(), record: cursor.record() });
    return records;
  });
}

const sample: Sample = {
  key: Buffer.from('ключ'),
  value: Buffer.from('value'),
  timestampDelta: 3,
  headers: { 'journal.action': Buffer.from('{}'), empty: Buffer.alloc(0) },
};

describe('record batches', () => {
  it('gives offset, key, value, timestamp and headers of each record', async () => {
    const bytes = await batchBytes([sample, { ...sample, key: null, value: null, headers: {} }], {
      firstOffset: 40,
    });
    const [one, two] = decoded(bytes);
    expect(one?.keyText).to.equal(Buffer.from('ключ').toString('latin1'));
    expect(one?.record).to.deep.equal({
      offset: 40,
      key: sample.key,
      value: sample.value,
      timestampMs: firstTimestamp + 3,
      headers: [
        ['journal.action', Buffer.from('{}')],
        ['empty', Buffer.alloc(0)],
      ],
    });
    expect(two).to.deep.include({ keyText: undefined });
    expect(two?.record).to.deep.include({
      offset: 41,
      key: undefined,
      value: undefined,
      headers: [],
    });
  });

  it('decodes a record as often as asked', async () => {
    const [batch] = recordBatchesOf(await batchBytes([sample]));
    const cursor = new RecordCursor(batch as never, batch?.body as Buffer);
    cursor.next();
    expect(cursor.record()).to.deep.equal(cursor.record());
  });

  for (const { id, name } of codecs) {
    it(`reads what is compressed with ${name}`, async () => {
      const samples = Array.from({ length: 300 }, () => ({
        ...sample,
        value: Buffer.alloc(400, 7),
      }));
      expect(decoded(await batchBytes(samples, { compression: id }))).to.deep.equal(
        decoded(await batchBytes(samples)),
      );
    });
  }

  it('leaves out the batch that the fetch limit cut off', async () => {
    const whole = await batchBytes([sample]);
    const next = await batchBytes([sample, sample], { firstOffset: 1 });
    for (let size = 0; size < next.length; size++) {
      expect(recordBatchesOf(Buffer.concat([whole, next.subarray(0, size)]))).to.have.length(1);
    }
    expect(
      recordBatchesOf(Buffer.concat([whole, next])).map(({ lastOffset }) => lastOffset),
    ).to.deep.equal([0, 2]);
  });

  it('knows transaction markers, and the timestamp that the broker set for the batch', async () => {
    const bytes = await batchBytes([sample]);
    bytes.writeInt16BE(0x20, 21);
    expect(recordBatchesOf(bytes)[0]?.control).to.equal(true);
    bytes.writeInt16BE(0x08, 21);
    expect(decoded(bytes)[0]?.record.timestampMs).to.equal(firstTimestamp + 5);
  });

  it('has no timestamp when the batch has none', async () => {
    const bytes = await batchBytes([{ ...sample, timestampDelta: 0 }], { firstTimestamp: -1 });
    expect(decoded(bytes)[0]?.record.timestampMs).to.equal(undefined);
  });

  it('refuses another message format, an unknown compression and damaged records', async () => {
    const old = await batchBytes([sample]);
    old.writeInt8(1, 16);
    expect(() => recordBatchesOf(old)).to.throw(RangeError, 'format 1');
    const unknown = await batchBytes([sample]);
    unknown.writeInt16BE(7, 21);
    expect(() => decoded(unknown)).to.throw(RangeError, 'compression 7');
    const damaged = await batchBytes([sample]);
    damaged[61] = 0x7e;
    expect(() => decoded(damaged)).to.throw(RangeError);
  });

  it('gives back any records that kafkajs encodes', async () => {
    const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));
    const optional = fc.option(bytes, { nil: null });
    const timestampDelta = fc.integer({ min: -(2 ** 40), max: 2 ** 40 });
    const names = fc.stringMatching(/^[a-z.]{1,12}$/);
    const headers = fc.dictionary(names, bytes, { maxKeys: 3, noNullPrototype: true });
    const samples = fc.array(
      fc.record({ key: optional, value: optional, timestampDelta, headers }),
      { minLength: 1, maxLength: 20 },
    );
    const property = fc.asyncProperty(samples, fc.nat(2 ** 40), async (written, firstOffset) => {
      const read = decoded(await batchBytes(written, { firstOffset })).map(({ record }) => record);
      const expected = written.map(({ key, value, timestampDelta, headers }, i) => ({
        offset: firstOffset + i,
        key: key ?? undefined,
        value: value ?? undefined,
        timestampMs: firstTimestamp + timestampDelta,
        headers: Object.entries(headers),
      }));
      expect(read).to.deep.equal(expected);
    });
    await fc.assert(property, { numRuns: 200, verbose: 1 });
  });
});

describe('compression', () => {
  it('has the numbers of the record format', () => {
    // Attributes of a record batch: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.
    const names = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
    expect(names.map(compressionId)).to.deep.equal([0, 1, 2, 3, 4]);
  });

  it('writes snappy with the header and blocks of Java streams, and reads bare snappy too', () => {
    const snappy = require('snappyjs');
    const bytes = Buffer.alloc(100_000, 'abc');
    const framed = codecs[1]?.compress(bytes) as Buffer;
    expect(framed.subarray(0, 16).toString('hex')).to.equal('82534e41505059000000000100000001');
    expect(decompress(2, framed).equals(bytes)).to.equal(true);
    expect(decompress(2, snappy.compress(bytes)).equals(bytes)).to.equal(true);
  });
});
