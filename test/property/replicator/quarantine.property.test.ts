import { expect } from 'chai';
import fc from 'fast-check';
import { Quarantine } from '../../../replicator/apply/quarantine.ts';
import type { QuarantineEntry } from '../../../replicator/apply/quarantine-file.ts';
import { CodecError } from '../../../src/model/errors.ts';
import type { LogHeader, LogRecord } from '../../../src/model/log-record.ts';
import { Offset } from '../../../src/model/position.ts';
import { silentLogger } from '../../../src/observability/logger.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { MemoryQuarantine } from '../../support/replicator/memory-quarantine.ts';
import { partition0, topic } from '../../support/replicator/records.ts';
import { seed } from '../codec/seed.ts';

const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 30 }),
  fc.string({ unit: 'binary' }).map((text) => new Uint8Array(Buffer.from(text))),
);
const maybeBytes = fc.option(bytes, { nil: undefined });
/** A header as the reader of Kafka's batches gives it. */
const header = fc.tuple(bytes, maybeBytes).map(([name, value]): LogHeader => {
  const text = Buffer.from(name).toString('utf8');
  return Buffer.from(text).equals(name) ? [text, value] : [text, value, name];
});
const record: fc.Arbitrary<LogRecord> = fc.record({
  offset: fc.nat().map((offset) => Offset.of(offset)),
  key: maybeBytes,
  value: maybeBytes,
  timestampMs: fc.option(fc.integer(), { nil: undefined }),
  headers: fc.array(header, { maxLength: 4 }),
});

type Text = QuarantineEntry['key'];

function bytesOf(text: Text): Buffer | undefined {
  if (text === undefined || text === null) return undefined;
  return typeof text === 'string' ? Buffer.from(text) : Buffer.from(text.base64, 'base64');
}

function base64Of(value: string | null | undefined): Buffer | undefined {
  return value === null || value === undefined ? undefined : Buffer.from(value, 'base64');
}

/** The record that an operator writes again, all of it as bytes. */
function writtenAgain({ offset, key, value, timestampMs, headers = [] }: QuarantineEntry): unknown {
  const again = headers.map(([name, content]) => [bytesOf(name), base64Of(content)]);
  return { offset, key: bytesOf(key), value: base64Of(value), timestampMs, headers: again };
}

function asBytes({ offset, key, value, timestampMs, headers }: LogRecord): unknown {
  const buffer = (content: Uint8Array | undefined) => content && Buffer.from(content);
  const all = headers.map(([name, content, raw]) => [Buffer.from(raw ?? name), buffer(content)]);
  return { offset, key: buffer(key), value: buffer(value), timestampMs, headers: all };
}

describe(`property: what is put aside (seed ${seed})`, () => {
  it('is the record byte for byte, whatever it is', async () => {
    const law = fc.asyncProperty(record, async (odd) => {
      const file = new MemoryQuarantine();
      const parts = { file, log: silentLogger, clock: systemClock };
      const quarantine = new Quarantine({ policy: 'skip-and-record', skip: [] }, parts);
      const source = { topic, partition: partition0 };
      expect(await quarantine.takesRecord(source, odd, new CodecError('odd'))).to.equal(true);
      const line = JSON.stringify(file.entries[0]);
      expect(writtenAgain(JSON.parse(line))).to.deep.equal(asBytes(odd));
    });
    await fc.assert(law, { seed, numRuns: 1_000 });
  });
});
