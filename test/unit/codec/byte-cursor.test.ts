import { expect } from 'chai';
import { ByteReader, ByteWriter } from '../../../src/codec/byte-cursor.ts';
import { CodecError } from '../../../src/model/errors.ts';

describe('ByteReader', () => {
  it('reads what a writer wrote, big-endian', () => {
    const writer = new ByteWriter(15);
    writer.writeUint8(0xff);
    writer.writeInt32(-2);
    writer.writeUint32(0xfffffffe);
    writer.writeSized(Buffer.from('é'));
    expect(writer.bytes.toString('hex')).to.equal('fffffffffefffffffe00000002c3a9');
    const reader = new ByteReader(writer.bytes);
    expect(reader.readUint8('a')).to.equal(0xff);
    expect(reader.readInt32('b')).to.equal(-2);
    expect(reader.readUint32('c')).to.equal(0xfffffffe);
    expect(reader.readUtf8(reader.readInt32('size'), 'd')).to.equal('é');
    expect(reader.left).to.equal(0);
  });

  it('keeps a block from reading beyond its end', () => {
    const reader = new ByteReader(Uint8Array.from([1, 2, 3, 4, 5]));
    const block = reader.readBlock(3, 'block');
    expect(() => block.readInt32('number')).to.throw(
      CodecError,
      'number takes 4 bytes, but 3 are left',
    );
    expect([...block.readRest()]).to.deep.equal([1, 2, 3]);
    expect([...reader.readRest()]).to.deep.equal([4, 5]);
  });

  it('refuses negative and too large sizes by name', () => {
    const reader = new ByteReader(Uint8Array.from([1]));
    expect(() => reader.readBytes(-1, 'tag')).to.throw(CodecError, /tag/);
    expect(() => reader.readBytes(2, 'tag')).to.throw(CodecError, /tag/);
    expect(() => reader.readBlock(2 ** 31, 'tag')).to.throw(CodecError, /tag/);
  });

  it('reads an array that is a part of a larger one', () => {
    const part = Uint8Array.from([9, 0, 0, 0, 7, 9]).subarray(1, 5);
    expect(new ByteReader(part).readInt32('number')).to.equal(7);
  });
});
