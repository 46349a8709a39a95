import { expect } from 'chai';
import {
  decodeUtf8Lenient,
  decodeUtf8Strict,
  decodeUtf8WithSurrogates,
  encodeUtf8,
} from '../../../src/codec/utf8.ts';
import { CodecError, InvalidInputError } from '../../../src/model/errors.ts';

const malformed = [
  [0xff],
  [0xc3],
  [0xc0, 0x80],
  [0xe2, 0x82],
  [0x61, 0x80],
  [0xf5, 0x80, 0x80, 0x80],
];
const highSurrogate = [0xed, 0xa0, 0xbd];
const lowSurrogate = [0xed, 0xb8, 0x80];

describe('UTF-8 (docs/format.md#strings)', () => {
  it('keeps a leading U+FEFF in both directions', () => {
    const bytes = Buffer.from([0xef, 0xbb, 0xbf, 0x61]);
    expect(decodeUtf8Strict(bytes)).to.equal('\ufeffa');
    expect(encodeUtf8('\ufeffa')).to.deep.equal(bytes);
  });

  it('reads bytes that are no Buffer, from their own place', () => {
    const bytes = new Uint8Array([0x78, 0xc3, 0xa9, 0x78]).subarray(1, 3);
    expect(decodeUtf8Strict(bytes)).to.equal('é');
  });

  it('refuses malformed bytes, and surrogates coded one by one', () => {
    for (const bytes of [...malformed, highSurrogate]) {
      expect(() => decodeUtf8Strict(Uint8Array.from(bytes), 'tag')).to.throw(CodecError, /tag/);
    }
  });

  it('refuses to write an unpaired surrogate', () => {
    expect(() => encodeUtf8('a\ud800', 'tag')).to.throw(InvalidInputError, /tag/);
    expect(encodeUtf8('😀').toString('hex')).to.equal('f09f9880');
  });

  it('reads surrogates coded one by one where values allow them', () => {
    const one = Uint8Array.from([0x61, ...highSurrogate, 0x62]);
    expect(decodeUtf8WithSurrogates(one)).to.equal('a\ud83db');
    const pair = Uint8Array.from([...highSurrogate, ...lowSurrogate]);
    expect(decodeUtf8WithSurrogates(pair)).to.equal('😀');
    expect(decodeUtf8WithSurrogates(Buffer.from('\ud7ffé퟿'))).to.equal('\ud7ffé퟿');
    for (const bytes of [...malformed, [0xed], [0xed, 0xa0], [...highSurrogate, 0xff]]) {
      expect(() => decodeUtf8WithSurrogates(Uint8Array.from(bytes))).to.throw(CodecError);
    }
  });

  it('replaces malformed bytes of a key', () => {
    expect(decodeUtf8Lenient(Uint8Array.from([0x61, 0xff]))).to.equal('a\ufffd');
    expect(decodeUtf8Lenient(Uint8Array.from([0xe2, 0x82, 0x61]))).to.equal('\ufffda');
    expect(decodeUtf8Lenient(Uint8Array.from([0xc0, 0x80]))).to.equal('\ufffd\ufffd');
  });

  it('replaces a surrogate in a key by one U+FFFD, whole or cut short (docs/format.md#key)', () => {
    const lenient = (...bytes: number[]): string => decodeUtf8Lenient(Uint8Array.from(bytes));
    expect(lenient(0x61, ...highSurrogate, 0x62)).to.equal('a\ufffdb');
    expect(lenient(...highSurrogate, ...lowSurrogate)).to.equal('\ufffd\ufffd');
    expect(lenient(0xed, 0xa0)).to.equal('\ufffd');
    expect(lenient(0xed, 0xa0, 0x61)).to.equal('\ufffda');
    expect(lenient(0xed, 0x9f, 0xbf, 0xff)).to.equal('\ud7ff\ufffd');
    expect(lenient(0xed)).to.equal('\ufffd');
  });
});
