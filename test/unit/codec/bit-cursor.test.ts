import { expect } from 'chai';
import { prependBit, splitBit } from '../../../src/codec/bit-cursor.ts';
import { CodecError } from '../../../src/model/errors.ts';

describe('a bit before bytes (docs/format.md#persistent-binary)', () => {
  it('shifts every byte by one bit and ends with seven zero bits', () => {
    const body = Uint8Array.from([0b10000001, 0b11111111]);
    expect([...prependBit(true, body)]).to.deep.equal([0b11000000, 0b11111111, 0b10000000]);
    expect([...prependBit(false, body)]).to.deep.equal([0b01000000, 0b11111111, 0b10000000]);
    expect([...prependBit(true, new Uint8Array(0))]).to.deep.equal([0b10000000]);
  });

  it('gives back bit and bytes, whatever the last seven bits are', () => {
    for (let byte = 0; byte < 256; byte++) {
      const block = prependBit(byte % 2 === 0, Uint8Array.from([byte, 255 - byte]));
      block[2] = (block[2] ?? 0) | 0x7f;
      const { bit, body } = splitBit(block);
      expect([bit, ...body]).to.deep.equal([byte % 2 === 0, byte, 255 - byte]);
    }
  });

  it('refuses an empty value', () => {
    expect(() => splitBit(new Uint8Array(0))).to.throw(CodecError);
  });
});
