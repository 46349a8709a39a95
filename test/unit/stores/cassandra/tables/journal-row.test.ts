import { expect } from 'chai';
import { CodecError } from '../../../../../src/model/errors.ts';
import { Key } from '../../../../../src/model/key.ts';
import { RecordMetadata } from '../../../../../src/model/record-metadata.ts';
import type { Row } from '../../../../../src/stores/cassandra/session-types.ts';
import { JournalRowReader } from '../../../../../src/stores/cassandra/tables/journal-row.ts';

const key = Key.of('topic', 'id');
const int64 = (value: number) => ({ high: 0, low: value, toString: () => String(value) });

function row(change: Readonly<Record<string, unknown>> = {}): Row {
  return {
    seq_nr: int64(1),
    partition: 2,
    offset: int64(3),
    timestamp: new Date(4),
    origin: null,
    version: null,
    meta_record_id: null,
    tags: null,
    payload_type: null,
    payload_txt: null,
    payload_bin: null,
    metadata: '{"header":{},"payload":{}}',
    headers: null,
    ...change,
  };
}

const read = (...rows: Row[]) => new JournalRowReader(key).page(rows);

describe('JournalRowReader', () => {
  it('reads null columns as absent values and empty collections', () => {
    expect(read(row())).to.deep.equal([
      {
        event: { seqNr: 1, tags: [], payload: undefined },
        record: {
          at: { partition: 2, offset: 3 },
          timestampMs: 4,
          origin: undefined,
          version: undefined,
          metadata: RecordMetadata.empty,
          headers: {},
        },
        recordId: undefined,
      },
    ]);
  });

  it('shares what events of one record have in common', () => {
    const [first, second, third] = read(
      row(),
      row({ seq_nr: int64(2) }),
      row({ offset: int64(4) }),
    );
    expect(first?.record).to.equal(second?.record);
    expect(third?.record).to.not.equal(second?.record);
    expect(third?.record.metadata).to.equal(second?.record.metadata);
  });

  for (const [what, change] of Object.entries({
    partition: { partition: 3 },
    timestamp: { timestamp: new Date(5) },
    metadata: { metadata: '{"header":{"data":1},"payload":{}}' },
    headers: { headers: new Map([['a', '1']]) },
  })) {
    it(`does not share the record of a row with another ${what}`, () => {
      const [first, second, third] = read(row(), row(change), row());
      expect(second?.record).to.not.deep.equal(first?.record);
      expect(third?.record).to.deep.equal(first?.record);
    });
  }

  it('gives each row the record id of its own', () => {
    const id = (hex: string) => ({
      buffer: Buffer.from(hex.repeat(16), 'hex'),
      toString: () => hex,
    });
    const rows = [id('aa'), id('aa'), id('bb'), null, id('aa')].map((meta_record_id) =>
      row({ meta_record_id }),
    );
    expect(read(...rows).map(({ recordId }) => recordId)).to.deep.equal([
      'aa',
      'aa',
      'bb',
      undefined,
      'aa',
    ]);
  });

  it('keeps a header whose name is special to JavaScript objects', () => {
    const headers = new Map([
      ['__proto__', 'a'],
      ['hasOwnProperty', 'b'],
    ]);
    const [event] = read(row({ headers }));
    expect(Object.entries(event?.record.headers ?? {})).to.deep.equal([...headers]);
  });

  const beyond = { high: 0x20_0000, low: 0, toString: () => '9007199254740992' };
  for (const [what, column, change] of [
    ['a payload that is no JSON', 'payload_txt', { payload_type: 'json', payload_txt: '{' }],
    ['metadata that is no JSON', 'metadata', { metadata: '{' }],
    ['a number beyond 2^53', 'offset', { offset: beyond }],
  ] as const) {
    it(`names journal, number, table and column of an event with ${what}`, () => {
      try {
        read(row(), row({ seq_nr: int64(7), ...change }));
        expect.fail('nothing was thrown');
      } catch (error) {
        expect(error).to.be.instanceOf(CodecError);
        expect((error as CodecError).place).to.deep.equal({
          topic: 'topic',
          id: 'id',
          seqNr: 7,
          table: 'journal',
          column,
        });
      }
    });
  }
});
