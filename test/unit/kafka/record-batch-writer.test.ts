import { createRequire } from 'node:module';
import { expect } from 'chai';
import fc from 'fast-check';
import { codecOf, decompress } from '../../../src/kafka/driver/wire/compression.ts';
import type { OutgoingRecord } from '../../../src/kafka/driver/wire/outgoing-record.ts';
import { recordBatchOf } from '../../../src/kafka/driver/wire/record-batch-writer.ts';
import { RecordCursor, recordBatchesOf } from '../../../src/kafka/record-batches.ts';

const require = createRequire(import.meta.url);
const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0');
const kafkajsRecord = require('kafkajs/src/protocol/recordBatch/record/v0');
const sender = { producerId: 7_000_000_001n, producerEpoch: 3, firstSequence: 41 };

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const record: fc.Arbitrary<OutgoingRecord> = fc.record({
  key: bytes,
  value: fc.option(bytes, { nil: null }),
  // Records of one batch may lie years apart: the delta needs more than 32 bits.
  timestampMs: fc.integer({ min: 1_000_000_000_000, max: 1_900_000_000_000 }),
  headers: fc.dictionary(fc.string({ unit: 'grapheme', maxLength: 20 }), bytes, { maxKeys: 4 }),
  partition: fc.constant(0),
});

/** kafkajs's own encoding of the same batch, uncompressed. */
async function byKafkajs(records: readonly OutgoingRecord[]): Promise<Buffer> {
  const times = records.map(({ timestampMs }) => timestampMs);
  const firstTimestamp = Math.min(...times);
  const { buffer } = await RecordBatch({
    compression: 0,
    records: records.map(({ key, value, headers, timestampMs }, offsetDelta) =>
      kafkajsRecord({
        key,
        value,
        headers,
        offsetDelta,
        timestampDelta: timestampMs - firstTimestamp,
      }),
    ),
    firstTimestamp,
    maxTimestamp: Math.max(...times),
    ...sender,
    producerId: String(sender.producerId),
    lastOffsetDelta: records.length - 1,
  });
  return buffer;
}

describe('recordBatchOf', () => {
  it('gives the bytes of kafkajs, whatever the records', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 20 }), async (records) => {
        const ours = recordBatchOf(records, sender, codecOf(0));
        expect(ours.equals(await byKafkajs(records))).to.equal(true);
      }),
      { numRuns: 300 },
    );
  });

  for (const id of [0, 1, 2, 3, 4]) {
    it(`is read back the same, compression ${id}`, () => {
      const records = Array.from({ length: 500 }, (_, index) => ({
        key: Buffer.from(`key-${index % 7}`),
        value: index % 5 === 0 ? null : Buffer.from(`${index}`.repeat(40)),
        timestampMs: 1_700_000_000_000 - index,
        headers: { 'journal.action': Buffer.from(`{"mark":${index}}`), ü: Buffer.alloc(0) },
        partition: 0,
      }));
      const [batch] = recordBatchesOf(recordBatchOf(records, sender, codecOf(id)));
      if (batch === undefined) throw new Error('no batch');
      const cursor = new RecordCursor(batch, decompress(batch.compression, batch.body));
      let index = 0;
      for (; cursor.next(); index++) {
        const found = cursor.record();
        const { key, value, timestampMs, headers } = records[index] as OutgoingRecord;
        expect(found.offset).to.equal(index);
        expect(found.timestampMs).to.equal(timestampMs);
        expect(Buffer.from(found.key ?? []).equals(key)).to.equal(true);
        expect(found.value && Buffer.from(found.value)).to.deep.equal(value ?? undefined);
        const named = found.headers.map(([name, bytes]) => [name, Buffer.from(bytes ?? [])]);
        expect(named).to.deep.equal(Object.entries(headers));
      }
      expect(index).to.equal(records.length);
    });
  }

  it('grows for records larger than its memory, and is right after them', async () => {
    const large = [2_000_000, 10, 6_000_000].map((length) => ({
      key: Buffer.from('k'),
      value: Buffer.alloc(length, 'x'),
      timestampMs: 1_700_000_000_000,
      headers: {},
      partition: 0,
    }));
    for (const records of [large, large.slice(1, 2)]) {
      const ours = recordBatchOf(records, sender, codecOf(0));
      expect(ours.equals(await byKafkajs(records))).to.equal(true);
    }
  });
});
