import { expect } from 'chai';
import { CodecError, InvalidInputError } from '../../../src/model/errors.ts';
import {
  decodePersistentBinary,
  encodePersistentBinary,
} from '../../../src/plugin/persistent-binary.ts';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

describe('the envelope of persistent events (docs/format.md#persistent-binary)', () => {
  const envelope = {
    manifest: '',
    writerUuid: 'w',
    serializer: 20,
    serializerManifest: '',
    object: hex('6869'),
  };

  it('carries objects of any serializer as they are', () => {
    for (const serializer of [1, 7, -1, 2 ** 31 - 1, -(2 ** 31)]) {
      for (const object of [Buffer.alloc(0), hex('00ff80')]) {
        for (const manifest of ['', 'm', 'é']) {
          const written = { ...envelope, manifest, serializer, serializerManifest: 'A', object };
          expect(decodePersistentBinary(encodePersistentBinary(written))).to.deep.equal(written);
        }
      }
    }
  });

  it('shifts everything by the bit that says whether there is a manifest', () => {
    expect(encodePersistentBinary(envelope).toString('hex')).to.equal(
      '00000000bb8000000a0000000000000001343480',
    );
    expect(encodePersistentBinary({ ...envelope, manifest: 'm' }).toString('hex')).to.equal(
      '80000000b680000000bb8000000a0000000000000001343480',
    );
  });

  it('writes an empty manifest as none, and reads one that is there and empty', () => {
    expect((encodePersistentBinary(envelope)[0] ?? 0) & 0x80).to.equal(0);
    const empty = hex('8000000000000000bb8000000a0000000000000001343480');
    expect(decodePersistentBinary(empty)).to.deep.equal(envelope);
  });

  it('reads negative lengths as 0 and ignores what follows the object', () => {
    const noWriter = hex('7fffffff8000000a0000000000000001343480');
    expect(decodePersistentBinary(noWriter)).to.deep.equal({ ...envelope, writerUuid: '' });
    const noObject = hex('00000000bb8000000a000000007fffffffb43480');
    expect(decodePersistentBinary(noObject)).to.deep.equal({ ...envelope, object: hex('') });
    const longer = hex('00000000bb8000000a000000000000000134348078797a');
    expect(decodePersistentBinary(longer)).to.deep.equal(envelope);
  });

  it('refuses lengths beyond the block, malformed UTF-8, and a block without its last bits', () => {
    for (const broken of [
      '',
      '3fffffffbb80',
      '00000000bb8000000a0000000000000001b43480',
      '00000000ff8000000a0000000000000001343480',
      '00000000bb8000000a00000000000000013434',
    ]) {
      expect(() => decodePersistentBinary(hex(broken)), broken).to.throw(CodecError);
    }
  });

  it('refuses to write what UTF-8 cannot carry', () => {
    for (const part of ['manifest', 'writerUuid', 'serializerManifest']) {
      const write = (): unknown => encodePersistentBinary({ ...envelope, [part]: '\ud800' });
      expect(write, part).to.throw(InvalidInputError);
    }
  });
});
