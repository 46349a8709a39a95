import { prependBit, splitBit } from '../codec/bit-cursor.ts';
import { ByteReader, ByteWriter } from '../codec/byte-cursor.ts';
import { encodeUtf8 } from '../codec/utf8.ts';

/*
 * docs/format.md#persistent-binary
 *
 *   hasManifest(1 bit) [manifest] writerUuid serializer(int32) serializerManifest object 0000000
 *   each of manifest, writerUuid, serializerManifest, object: int32 length, bytes
 */

/** The envelope of an event that is no JSON, its object still in its serializer's form. */
export interface PersistentBinary {
  /** `''` = none. */
  readonly manifest: string;
  readonly writerUuid: string;
  /** Id in the framework's registry of serializers: a signed 32-bit integer. */
  readonly serializer: number;
  readonly serializerManifest: string;
  readonly object: Uint8Array;
}

/** @throws {InvalidInputError} when one of the texts holds a lone surrogate */
export function encodePersistentBinary(envelope: PersistentBinary): Buffer {
  const { manifest, serializer, object } = envelope;
  const before = manifest === '' ? [] : [encodeUtf8(manifest, 'manifest')];
  before.push(encodeUtf8(envelope.writerUuid, 'writerUuid'));
  const after = [encodeUtf8(envelope.serializerManifest, 'serializer manifest'), object];
  const size = [...before, ...after].reduce((sum, part) => sum + 4 + part.length, 4);
  const writer = new ByteWriter(size);
  for (const part of before) writer.writeSized(part);
  writer.writeInt32(serializer);
  for (const part of after) writer.writeSized(part);
  return prependBit(manifest !== '', writer.bytes);
}

/** @throws {CodecError} when the block ends early or a text is no UTF-8 */
export function decodePersistentBinary(block: Uint8Array): PersistentBinary {
  const { bit: hasManifest, body } = splitBit(block);
  const reader = new ByteReader(body);
  return {
    manifest: hasManifest ? reader.readSizedUtf8('manifest') : '',
    writerUuid: reader.readSizedUtf8('writerUuid'),
    serializer: reader.readInt32('serializer'),
    serializerManifest: reader.readSizedUtf8('serializer manifest'),
    object: reader.readSizedBlock('object').readRest(),
  };
}
