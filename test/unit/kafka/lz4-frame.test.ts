import { expect } from 'chai';
import lz4 from 'lz4-napi';
import { decompressLz4 } from '../../../src/kafka/driver/wire/lz4-frame.ts';
import { numbersOf, seed } from '../../property/codec/seed.ts';

/** Header of the frames that Java clients write: blocks of 64 KB at most. */
const javaHeader = Buffer.from('04224d18604082', 'hex');
const endMark = Buffer.alloc(4);
const javaBlockBytes = 64 * 1024;

/** A frame as Java clients write it: blocks that do not shrink are stored as they are. */
function javaFrame(content: Buffer): Buffer {
  const parts: Uint8Array[] = [javaHeader];
  for (let at = 0; at < content.length; at += javaBlockBytes) {
    const plain = content.subarray(at, at + javaBlockBytes);
    const packed: Uint8Array = lz4.compressSync(plain).subarray(4);
    const isSmaller = packed.length < plain.length;
    const size = Buffer.alloc(4);
    size.writeUInt32LE(isSmaller ? packed.length : (plain.length | 0x8000_0000) >>> 0);
    parts.push(size, isSmaller ? packed : plain);
  }
  return Buffer.concat([...parts, endMark]);
}

const numbers = numbersOf(seed);
const noise = (length: number): Buffer => Buffer.from(Array.from({ length }, () => numbers(256)));
const contents: readonly (readonly [string, Buffer])[] = [
  ['nothing', Buffer.alloc(0)],
  ['one byte', Buffer.from('a')],
  ['a text', Buffer.from('{"cents":1,"currency":"EUR"}'.repeat(40))],
  ['what does not shrink', noise(1_000)],
  ['several blocks', Buffer.concat([Buffer.alloc(100_000, 'ab'), noise(70_000)])],
  ['5 MB of one byte', Buffer.alloc(5_000_000, 'x')],
];

describe(`decompressLz4 (seed ${seed})`, () => {
  for (const [what, content] of contents) {
    it(`gives back ${what}, framed by Java clients and by ourselves`, () => {
      for (const frame of [javaFrame(content), lz4.compressFrameSync(content)]) {
        expect(decompressLz4(frame).equals(content)).to.equal(true);
        expect(lz4.decompressFrameSync(frame).equals(content)).to.equal(true);
      }
    });
  }

  it('reads frames of other kinds, and several in a row', () => {
    const content = Buffer.from('a text '.repeat(100));
    const checked = lz4.compressFrameSync(content, { contentChecksum: true, blockChecksums: true });
    expect(decompressLz4(checked).equals(content)).to.equal(true);
    const two = Buffer.concat([javaFrame(content), javaFrame(content)]);
    expect(decompressLz4(two).equals(lz4.decompressFrameSync(two))).to.equal(true);
  });

  it('knows the headers of all sizes of blocks', () => {
    const blocks = javaFrame(Buffer.from('a')).subarray(javaHeader.length);
    for (const header of ['604082', '6050fb', '606051', '607073']) {
      const frame = Buffer.concat([Buffer.from(`04224d18${header}`, 'hex'), blocks]);
      expect(lz4.decompressFrameSync(frame).toString()).to.equal('a');
      expect(decompressLz4(frame).toString()).to.equal('a');
    }
  });

  it('refuses a frame that is cut, wherever, and a block that becomes too long', () => {
    const frame = javaFrame(Buffer.from('a text '.repeat(100)));
    for (let length = javaHeader.length; length < frame.length; length++)
      expect(() => decompressLz4(frame.subarray(0, length)), String(length)).to.throw(Error);
    const block = lz4.compressSync(Buffer.alloc(javaBlockBytes + 1, 'x')).subarray(4);
    const size = Buffer.alloc(4);
    size.writeUInt32LE(block.length);
    const tooLong = Buffer.concat([javaHeader, size, block, endMark]);
    expect(() => decompressLz4(tooLong)).to.throw(Error);
  });

  it('gives what the library gives, or an error, whatever is damaged', () => {
    const frame = javaFrame(Buffer.from(noise(40).toString('hex').repeat(3)));
    let values = 0;
    for (let round = 0; round < 3_000; round++) {
      const damaged = Buffer.from(frame);
      const at = numbers(damaged.length);
      damaged[at] = (damaged[at] ?? 0) ^ (1 << numbers(8));
      const outcome = outcomeOf(decompressLz4, damaged);
      const ofLibrary = outcomeOf((bytes) => lz4.decompressFrameSync(bytes), damaged);
      expect(outcome).to.be.oneOf([ofLibrary, 'refused']);
      if (outcome !== 'refused') values++;
    }
    expect(values).to.be.within(1, 2_999);
  });
});

function outcomeOf(decompress: (bytes: Buffer) => Buffer, frame: Buffer): string {
  try {
    return decompress(frame).toString('hex');
  } catch {
    return 'refused';
  }
}
