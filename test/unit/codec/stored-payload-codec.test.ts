import { expect } from 'chai';
import { ofStoredPayload, toStoredPayload } from '../../../src/codec/stored-payload-codec.ts';
import { CodecError, InvalidInputError } from '../../../src/model/errors.ts';
import type { Payload } from '../../../src/model/payload.ts';
import { JsonNumber } from '../../../src/model/payload.ts';

const bytes = Uint8Array.from([1, 2]);

describe('toStoredPayload (docs/format.md#stored-payload)', () => {
  it('leaves the columns unset that a payload does not use', () => {
    expect(toStoredPayload(undefined)).to.deep.equal({});
    expect(toStoredPayload({ type: 'text', value: ' {} ' })).to.deep.equal({
      payloadType: 'text',
      text: ' {} ',
    });
    expect(toStoredPayload({ type: 'binary', value: bytes })).to.deep.equal({
      payloadType: 'binary',
      bytes,
    });
  });

  it('prints json as the JVM does', () => {
    const value = { a: new JsonNumber('1.10'), b: [1e30, null] };
    expect(toStoredPayload({ type: 'json', value })).to.deep.equal({
      payloadType: 'json',
      text: '{"a":1.1,"b":[1E+30,null]}',
    });
    expect(toStoredPayload({ type: 'json', value: null })).to.deep.include({ text: 'null' });
    expect(() => toStoredPayload({ type: 'json', value: Number.NaN })).to.throw(InvalidInputError);
  });
});

describe('ofStoredPayload (docs/format.md#stored-payload)', () => {
  it('gives back what was stored', () => {
    const payloads: readonly (Payload | undefined)[] = [
      undefined,
      { type: 'text', value: '' },
      { type: 'binary', value: bytes },
      { type: 'json', value: { big: new JsonNumber('9007199254740993') } },
      { type: 'json', value: null },
    ];
    for (const payload of payloads) {
      const { payloadType = null, text = null, bytes: blob = null } = toStoredPayload(payload);
      expect(ofStoredPayload(payloadType, text, blob)).to.deep.equal(payload);
    }
  });

  it('has no payload without type, whatever the other columns hold', () => {
    expect(ofStoredPayload(null, 'text', bytes)).to.equal(undefined);
  });

  it('takes an unknown type for binary, and no content for no bytes', () => {
    expect(ofStoredPayload('avro', null, bytes)).to.deep.equal({ type: 'binary', value: bytes });
    expect(ofStoredPayload('binary', null, null)).to.deep.equal({
      type: 'binary',
      value: new Uint8Array(0),
    });
  });

  it('prefers a text to bytes', () => {
    expect(ofStoredPayload('text', 'a', bytes)).to.deep.equal({ type: 'text', value: 'a' });
  });

  it('refuses content that does not belong to its type', () => {
    const cases: readonly (readonly [string, string | null, Uint8Array | null])[] = [
      ['binary', 'text', null],
      ['avro', 'text', null],
      ['text', null, bytes],
      ['json', null, bytes],
      ['json', null, null],
      ['json', '{', null],
    ];
    for (const columns of cases) expect(() => ofStoredPayload(...columns)).to.throw(CodecError);
  });
});
