import type { JsonObject } from '../codec/json/json.ts';
import { isJsonObject } from '../codec/json/json.ts';
import { printStoredForm, printString, printValue } from '../codec/json/json-printer.ts';
import { toPlain } from '../codec/json/plain-json.ts';
import { decodeUtf8Strict } from '../codec/utf8.ts';
import { CodecError, InvalidInputError } from '../model/errors.ts';
import { type Payload, PrintedJson } from '../model/payload.ts';
import { SerializedPayload } from '../model/serialized-payload.ts';
import { StoredForm } from '../model/stored-form.ts';
import { decodePersistentBinary, encodePersistentBinary } from './persistent-binary.ts';

/*
 * docs/format.md#persistent-json
 *
 *   {"manifest":S?,"writerUuid":S,"payloadType":"text"?,"payload":ANY}
 */

/** An event of an actor, in the envelope that JVM plugins write and read. */
export interface PersistentEnvelope {
  /** `''` = none. */
  readonly manifest: string;
  readonly writerUuid: string;
  readonly payload: unknown;
  /** The payload, when the host has looked at it already. */
  readonly form?: StoredForm<object>;
}

/** Ids of the frameworks' serializers whose bytes are the value itself. */
const byteArraySerializer = 4;
const stringSerializer = 20;
const byteStringSerializer = 21;

/** An event may have 1,200 levels; the envelopes around it take the rest of a document's. */
const eventRules = { name: 'event', maxLevels: 1200, plainNumbers: true };

/**
 * Wraps an event: a string as text, bytes and what a serializer made as PersistentBinary, anything
 * else as JSON.
 *
 * @throws {InvalidInputError} when JSON cannot hold the value without loss, as
 * `event.items[3].at`; when manifest or writer id are no texts, or hold a lone surrogate in a
 * binary event
 */
export function encodePersistentRepr(envelope: PersistentEnvelope): Payload | PrintedJson {
  const { manifest, writerUuid, payload, form } = envelope;
  if (typeof manifest !== 'string' || typeof writerUuid !== 'string') {
    throw new InvalidInputError('manifest and writerUuid must be texts');
  }
  const serialized =
    payload instanceof Uint8Array
      ? new SerializedPayload(byteArraySerializer, '', payload)
      : payload;
  if (serialized instanceof SerializedPayload) {
    const { serializer, manifest: serializerManifest, bytes: object } = serialized;
    const inner = { serializer, serializerManifest, object };
    return {
      type: 'binary',
      value: encodePersistentBinary({ manifest, writerUuid, ...inner }),
    };
  }
  const text =
    form instanceof StoredForm
      ? printStoredForm(form, eventRules)
      : printValue(payload, eventRules);
  const type = typeof payload === 'string' ? ',"payloadType":"text"' : '';
  // Member order is the JVM's.
  const start = manifest === '' ? '{' : `{"manifest":${printString(manifest)},`;
  return new PrintedJson(
    `${start}"writerUuid":${printString(writerUuid)}${type},"payload":${text}}`,
  );
}

/**
 * Unwraps an event. Numbers are ordinary ones. What a serializer of the program wrote, or one that
 * only the JVM has, comes as a `SerializedPayload`.
 *
 * @throws {CodecError} when the payload is no envelope
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

function decodeJson(json: JsonObject): PersistentEnvelope {
  const { manifest, writerUuid, payloadType, payload } = json;
  if (typeof writerUuid !== 'string') throw new CodecError('writerUuid must be a string');
  const manifestText = manifest ?? '';
  if (typeof manifestText !== 'string') throw new CodecError('manifest must be a string');
  if (payload === undefined) throw new CodecError('a persistent event has no payload');
  const type = payloadType ?? 'json';
  if (type !== 'json' && type !== 'text') {
    throw new CodecError(`payloadType must be json or text, not ${JSON.stringify(type)}`);
  }
  if (type === 'text' && typeof payload !== 'string') {
    throw new CodecError('the payload of a text event must be a string');
  }
  return { manifest: manifestText, writerUuid, payload: toPlain(payload) };
}

function decodeBinary(block: Uint8Array): PersistentEnvelope {
  const binary = decodePersistentBinary(block);
  const { manifest, writerUuid, serializer, object } = binary;
  switch (serializer) {
    case byteArraySerializer:
    case byteStringSerializer:
      return { manifest, writerUuid, payload: object };
    case stringSerializer:
      return { manifest, writerUuid, payload: decodeUtf8Strict(object, 'string') };
    default: {
      const payload = new SerializedPayload(serializer, binary.serializerManifest, object);
      return { manifest, writerUuid, payload };
    }
  }
}
