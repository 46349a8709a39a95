import { prependBit, splitBit } from '../codec/bit-cursor.ts';
import { ByteReader, ByteWriter } from '../codec/byte-cursor.ts';
import type { JsonObject } from '../codec/json.ts';
import { isJsonObject, toPlain } from '../codec/json.ts';
import { toJsonValue } from '../codec/json-of-value.ts';
import { encodeUtf8 } from '../codec/utf8.ts';
import { CodecError } from '../model/errors.ts';
import type { Payload } from '../model/payload.ts';

/*
 * docs/format.md#persistent-json, docs/format.md#persistent-binary
 *
 *   JSON    {"manifest":S?,"writerUuid":S,"payloadType":"text"?,"payload":ANY}
 *   binary  hasManifest(1 bit) [manifest] writerUuid serializer(int32) serializerManifest object 0000000
 *           each of manifest, writerUuid, serializerManifest, object: int32 length, bytes
 */

/** An event of an actor, in the envelope that JVM plugins write and read. */
export interface PersistentEnvelope {
  /** `''` = none. */
  readonly manifest: string;
  readonly writerUuid: string;
  readonly payload: unknown;
}

/** Ids of the frameworks' serializers whose bytes are the value itself. */
const byteArraySerializer = 4;
const stringSerializer = 20;
const byteStringSerializer = 21;

/**
 * Wraps an event: a string as text, bytes as PersistentBinary, anything else as JSON. Plain JSON
 * values are taken by reference, so they must not change until they are encoded.
 *
 * @throws {WriteRejectedError} when JSON cannot hold the value without loss; names its JSON path
 * @throws {InvalidInputError} when manifest or writer id of a binary event hold a lone surrogate
 */
export function encodePersistentRepr(envelope: PersistentEnvelope): Payload {
  const { manifest, writerUuid, payload } = envelope;
  if (payload instanceof Uint8Array) {
    return { type: 'binary', value: encodeBinary({ manifest, writerUuid, payload }) };
  }
  return { type: 'json', value: jsonEnvelope(manifest, writerUuid, payload) };
}

/**
 * Unwraps an event. Numbers are ordinary ones.
 *
 * @throws {CodecError} when the payload is no envelope, or was written by a serializer that only
 * the JVM has; names its id and manifest
 */
export function decodePersistentRepr(payload: Payload): PersistentEnvelope {
  switch (payload.type) {
    case 'json':
      if (!isJsonObject(payload.value))
        throw new CodecError('a persistent event must be an object');
      return decodeJson(payload.value);
    case 'binary':
      return decodeBinary(payload.value);
    case 'text':
      throw new CodecError('a persistent event must be json or binary, not text');
  }
}

/** Member order is the JVM's. */
function jsonEnvelope(manifest: string, writerUuid: string, event: unknown): JsonObject {
  const payload = toJsonValue(event);
  if (typeof payload === 'string' && typeof event === 'string') {
    if (manifest === '') return { writerUuid, payloadType: 'text', payload };
    return { manifest, writerUuid, payloadType: 'text', payload };
  }
  return manifest === '' ? { writerUuid, payload } : { manifest, writerUuid, payload };
}

function decodeJson(json: JsonObject): PersistentEnvelope {
  const { manifest, writerUuid, payloadType, payload } = json;
  if (typeof writerUuid !== 'string') throw new CodecError('writerUuid must be a string');
  const manifestText = manifest ?? '';
  if (typeof manifestText !== 'string') throw new CodecError('manifest must be a string');
  if (payload === undefined) throw new CodecError('a persistent event has no payload');
  checkPayloadType(payloadType ?? 'json', payload);
  return { manifest: manifestText, writerUuid, payload: toPlain(payload) };
}

function checkPayloadType(type: unknown, payload: unknown): void {
  if (type === 'json' || (type === 'text' && typeof payload === 'string')) return;
  if (type === 'text') throw new CodecError('the payload of a text event must be a string');
  throw new CodecError(`payloadType must be json or text, not ${JSON.stringify(type)}`);
}

interface BinaryEnvelope extends PersistentEnvelope {
  readonly payload: Uint8Array;
}

function encodeBinary({ manifest, writerUuid, payload }: BinaryEnvelope): Buffer {
  const texts = [
    ...(manifest === '' ? [] : [encodeUtf8(manifest, 'manifest')]),
    encodeUtf8(writerUuid, 'writerUuid'),
  ];
  const textsSize = texts.reduce((sum, text) => sum + 4 + text.length, 0);
  const writer = new ByteWriter(textsSize + 4 + 4 + 4 + payload.length);
  for (const text of texts) writer.writeSized(text);
  writer.writeInt32(byteArraySerializer);
  writer.writeInt32(0);
  writer.writeSized(payload);
  return prependBit(manifest !== '', writer.bytes);
}

function decodeBinary(block: Uint8Array): PersistentEnvelope {
  const { bit: hasManifest, body } = splitBit(block);
  const reader = new ByteReader(body);
  const manifest = hasManifest ? readText(reader, 'manifest') : '';
  const writerUuid = readText(reader, 'writerUuid');
  const serializer = reader.readInt32('serializer');
  const serializerManifest = readText(reader, 'serializer manifest');
  const object = reader.readBlock(reader.readInt32('object size'), 'object');
  switch (serializer) {
    case byteArraySerializer:
    case byteStringSerializer:
      return { manifest, writerUuid, payload: object.readRest() };
    case stringSerializer:
      return { manifest, writerUuid, payload: object.readUtf8(object.left, 'string') };
    default:
      throw unknownSerializer(serializer, serializerManifest);
  }
}

function readText(reader: ByteReader, what: string): string {
  return reader.readUtf8(reader.readInt32(`${what} size`), what);
}

function unknownSerializer(id: number, manifest: string): CodecError {
  const name = JSON.stringify(manifest);
  return new CodecError(`no serializer for id ${id} with manifest ${name} is known here`);
}
