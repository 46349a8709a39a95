import { isDeepStrictEqual } from 'node:util';
import { expect } from 'chai';
import fc from 'fast-check';
import { murmur2 } from '../../../../../src/codec/java-hash.ts';
import { DataIntegrityError } from '../../../../../src/model/errors.ts';
import {
  decodeBatch,
  encodeBatch,
  mayBeWanted,
  type NewRecord,
  recordBytes,
} from '../../../../../src/stores/sqlite/log/batch-codec.ts';

const bytes = (text: string): Buffer => Buffer.from(text);

function recordOf(key: string | undefined, value: string | undefined): NewRecord {
  return {
    key: key === undefined ? undefined : bytes(key),
    value: value === undefined ? undefined : bytes(value),
    timestampMs: 1_700_000_000_123,
    headers: [['journal.action', bytes('{}')]],
  };
}

function rowOf(records: readonly NewRecord[], first = 10) {
  const size = records.reduce((sum, record) => sum + recordBytes(record), 0);
  return {
    ...encodeBatch(records, size),
    first_offset: first,
    last_offset: first + records.length - 1,
  };
}

describe('batch of the log', () => {
  it('gives records back with consecutive offsets from its first one', () => {
    const row = rowOf([recordOf('a', '1'), recordOf('b', '2'), recordOf('a', '3')]);
    const seen = decodeBatch(row, 0, undefined).map(({ offset, value }) => [offset, String(value)]);
    expect(seen).to.deep.equal([[10, '1'], [11, '2'], [12, '3']]); // biome-ignore format: one line
  });

  it('gives the records of one key, compared byte for byte, from the wanted offset on', () => {
    const row = rowOf([
      recordOf('a', '1'),
      recordOf('b', '2'),
      recordOf('a', '3'),
      recordOf('a', '4'),
    ]);
    const seen = decodeBatch(row, 12, bytes('a')).map(({ offset }) => offset);
    expect(seen).to.deep.equal([12, 13]);
    expect(decodeBatch(row, 0, bytes('c'))).to.deep.equal([]);
  });

  it('says which keys it may hold', () => {
    const row = rowOf([recordOf('a', '1'), recordOf(undefined, '2')]);
    expect(mayBeWanted(row, murmur2(bytes('a')))).to.equal(true);
    expect(mayBeWanted(row, murmur2(bytes('b')))).to.equal(false);
  });

  it('gives what may open a tenure with every key', () => {
    const mark = (text: string, value?: string): NewRecord => ({
      ...recordOf('b', value),
      headers: [['journal.action', bytes(text)]],
    });
    const opening = '{"mark":{"id":"m","tenure":{}}}';
    const records = [
      mark('{"mark":{"id":"m"}}'),
      recordOf('a', '1'),
      mark(opening, ''),
      mark(opening),
    ];
    const row = rowOf(records);
    expect(decodeBatch(row, 0, bytes('a')).map(({ offset }) => offset)).to.deep.equal([11, 13]);
    expect(mayBeWanted(row, murmur2(bytes('c')))).to.equal(true);
    expect(mayBeWanted(rowOf(records.slice(0, 3)), murmur2(bytes('c')))).to.equal(false);
  });

  it('keeps absent apart from empty, repeated headers in their order, and what has no timestamp', () => {
    const headers = [['h', bytes('1')], ['', bytes('')], ['h', bytes('ü')]] as const; // biome-ignore format: one line
    const records = [
      { ...recordOf(undefined, undefined), timestampMs: undefined, headers },
      recordOf('', ''),
    ];
    const [one, two] = decodeBatch(rowOf(records), 0, undefined);
    expect(one).to.deep.equal({ ...records[0], offset: 10 });
    expect([two?.key?.length, two?.value?.length]).to.deep.equal([0, 0]);
  });

  it('decodes what it encoded, whatever the bytes', () => {
    const content = fc.uint8Array({ maxLength: 16 }).map((array) => Buffer.from(array));
    const record = fc.record<NewRecord>({
      key: fc.option(content, { nil: undefined }),
      value: fc.option(content, { nil: undefined }),
      timestampMs: fc.option(fc.maxSafeInteger(), { nil: undefined }),
      headers: fc.array(fc.tuple(fc.string({ maxLength: 8 }), content), { maxLength: 4 }),
    });
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 8 }), (records) => {
        const expected = records.map((one, i) => ({ ...one, offset: 10 + i }));
        return isDeepStrictEqual(decodeBatch(rowOf(records), 0, undefined), expected);
      }),
      { numRuns: 100 },
    );
  });

  it('is damaged when it ends before its last record', () => {
    const row = rowOf([recordOf('a', '1'), recordOf('b', '2')]);
    const cut = {
      ...row,
      last_offset: row.last_offset + 1,
      keys: Buffer.concat([row.keys, row.keys]),
    };
    expect(() => decodeBatch(cut, 0, undefined)).to.throw(DataIntegrityError);
  });
});
