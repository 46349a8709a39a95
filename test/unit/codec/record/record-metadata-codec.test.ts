import { expect } from 'chai';
import {
  parseRecordMetadata,
  printRecordMetadata,
} from '../../../../src/codec/record/record-metadata-codec.ts';
import { CodecError } from '../../../../src/model/errors.ts';
import { JsonNumber } from '../../../../src/model/payload.ts';
import { RecordMetadata } from '../../../../src/model/record-metadata.ts';

const empty = '{"header":{},"payload":{}}';

describe('record metadata (docs/format.md#metadata)', () => {
  it('always has both halves when written', () => {
    expect(printRecordMetadata(RecordMetadata.empty)).to.equal(empty);
    expect(printRecordMetadata({ header: {}, payload: {} })).to.equal(empty);
    const expireAfter = { length: 30n, unit: 'day' } as const;
    const metadata: RecordMetadata = {
      header: { data: [new JsonNumber('9007199254740993')] },
      payload: { expireAfter, data: '\ud83d' },
    };
    const text =
      '{"header":{"data":[9007199254740993]},"payload":{"expireAfter":"30 days","data":"\\uD83D"}}';
    expect(printRecordMetadata(metadata)).to.equal(text);
    expect(parseRecordMetadata(text)).to.deep.equal(metadata);
  });

  it('is the shared empty value for null, the empty text and every other spelling of it', () => {
    const texts = [null, empty, ` ${empty}`, '{}', '{"header":null}', '{"payload":{"data":null}}'];
    for (const text of texts) expect(parseRecordMetadata(text)).to.equal(RecordMetadata.empty);
  });

  it('takes a missing half for empty', () => {
    expect(parseRecordMetadata('{"header":{"data":1}}')).to.deep.equal({
      header: { data: 1 },
      payload: {},
    });
    expect(parseRecordMetadata('{"payload":{"data":1}}')).to.deep.equal({
      header: {},
      payload: { data: 1 },
    });
  });

  it('takes bare header metadata of old rows, only if both halves are empty', () => {
    expect(parseRecordMetadata('{"data":{"key0":"value0"}}')).to.deep.equal({
      header: { data: { key0: 'value0' } },
      payload: {},
    });
    expect(parseRecordMetadata('{"header":{"data":1},"data":2}').header).to.deep.equal({ data: 1 });
  });

  it('refuses what is no record metadata', () => {
    const texts = [
      '',
      '[]',
      '1',
      '{"header":1}',
      '{"payload":[]}',
      '{"payload":{"expireAfter":"x"}}',
    ];
    for (const text of texts) expect(() => parseRecordMetadata(text), text).to.throw(CodecError);
  });
});
