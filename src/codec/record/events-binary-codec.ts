import { CodecError } from '../../model/errors.ts';
import type { DecodedEvents, Event, PrintedEvent } from '../../model/event.ts';
import type { Payload, PrintedJson } from '../../model/payload.ts';
import type { PayloadMetadata } from '../../model/record-metadata.ts';
import { RecordMetadata } from '../../model/record-metadata.ts';
import { ByteReader, ByteWriter } from '../byte-cursor.ts';
import { isJsonObject, jsonDocument, parseJson } from '../json/json.ts';
import { decodeUtf8WithSurrogates, encodeUtf8 } from '../utf8.ts';
import { printPayload } from './events-json-codec.ts';
import {
  payloadMetadataFragment,
  readPayloadMetadata,
  writtenPayload,
} from './record-metadata-codec.ts';
import { halvesOfSeqNr, seqNrOfHalves } from './seq-nr-codec.ts';
import { noTags, uniqueTags } from './tags.ts';

/*
 * docs/format.md#binary-value; integers big-endian and signed
 *
 *   value     version(1) count(int32) { eventSize(int32) event } x count  [metadata]
 *   event     seqNr(int64) tagsSize(int32) { tagLength(int32) tag }*
 *             kind(1) payloadSize(int32) payload
 *   metadata  UTF-8 JSON up to the end of the value; version 1 only
 *
 * Version 0 has no metadata. Later versions are read as far as their event list looks the same.
 */

const version = 1;
const kindOf = { none: 0, binary: 1, json: 2, 'printed-json': 2, text: 3 } as const;

/** int32 size, int64 number, int32 tags size, kind, int32 payload size. */
const fixedEventBytes = 4 + 8 + 4 + 1 + 4;

/**
 * Events as the current version.
 *
 * @throws {InvalidInputError} when a value cannot be encoded
 */
export function encodeBinaryEvents(
  events: readonly PrintedEvent[],
  metadata: PayloadMetadata,
): Buffer {
  const parts = events.map((event, index) => {
    const tags = uniqueTags(event.tags).map((tag) => encodeUtf8(tag, 'tag'));
    const tagsSize = tags.reduce((sum, tag) => sum + 4 + tag.length, 0);
    const payload = payloadBytes(event.payload, index);
    // Without the size field itself.
    const size = fixedEventBytes - 4 + tagsSize + payload.length;
    return { event, tags, tagsSize, payload, size };
  });
  const metadataBytes = Buffer.from(
    jsonDocument(payloadMetadataFragment(metadata, writtenPayload)),
    'utf8',
  );
  const size = parts.reduce((sum, part) => sum + 4 + part.size, 1 + 4 + metadataBytes.length);
  const writer = new ByteWriter(size);
  writer.writeUint8(version);
  writer.writeInt32(parts.length);
  for (const part of parts) {
    const { high, low } = halvesOfSeqNr(part.event.seqNr);
    writer.writeInt32(part.size);
    writer.writeUint32(high);
    writer.writeUint32(low);
    writer.writeInt32(part.tagsSize);
    for (const tag of part.tags) writer.writeSized(tag);
    writer.writeUint8(kindOf[part.event.payload?.type ?? 'none']);
    writer.writeSized(part.payload);
  }
  writer.writeBytes(metadataBytes);
  return writer.bytes;
}

/** @throws {CodecError} when the value breaks the format */
export function decodeBinaryEvents(value: Uint8Array): DecodedEvents {
  const reader = new ByteReader(value);
  const readVersion = reader.readUint8('version');
  const count = reader.readInt32('count');
  // Checked before the loop, so that a broken count ends at once and not at the first missing byte.
  if (count < 1 || count * fixedEventBytes > reader.left) {
    throw new CodecError(`${count} events do not fit into ${reader.left} bytes`);
  }
  const events: [Event, ...Event[]] = [readEvent(reader)];
  while (events.length < count) events.push(readEvent(reader));
  if (readVersion !== version) return { events, metadata: RecordMetadata.empty.payload };
  try {
    const json = parseJson(decodeUtf8WithSurrogates(reader.readRest(), 'metadata'));
    if (isJsonObject(json)) return { events, metadata: readPayloadMetadata(json) };
  } catch (error) {
    // Metadata that cannot be read is dropped, and the events are kept: so do JVM readers.
    if (!(error instanceof CodecError)) throw error;
  }
  return { events, metadata: RecordMetadata.empty.payload };
}

const noBytes = new Uint8Array(0);

function payloadBytes(payload: Payload | PrintedJson | undefined, index: number): Uint8Array {
  switch (payload?.type) {
    case undefined:
      return noBytes;
    case 'binary':
      return payload.value;
    case 'json':
      return Buffer.from(jsonDocument(printPayload(payload.value, index)));
    case 'printed-json':
      return Buffer.from(jsonDocument(payload.text));
    case 'text':
      return encodeUtf8(payload.value, 'text payload');
  }
}

function readEvent(reader: ByteReader): Event {
  const block = reader.readBlock(reader.readInt32('eventSize'), 'event');
  const high = block.readInt32('seqNr');
  const seqNr = seqNrOfHalves(high, block.readUint32('seqNr'), 'seqNr');
  const tagsBlock = block.readSizedBlock('tags');
  const tags: string[] = [];
  while (tagsBlock.left > 0) tags.push(tagsBlock.readSizedUtf8('tag'));
  const payload = readPayload(block);
  return { seqNr, tags: tags.length === 0 ? noTags : uniqueTags(tags), payload };
}

function readPayload(reader: ByteReader): Payload | undefined {
  const kind = reader.readUint8('payload kind');
  const bytes = reader.readSizedBlock('payload');
  switch (kind) {
    case kindOf.none:
      return undefined;
    case kindOf.binary:
      return { type: 'binary', value: bytes.readRest() };
    case kindOf.json:
      return {
        type: 'json',
        value: parseJson(decodeUtf8WithSurrogates(bytes.readRest(), 'payload')),
      };
    case kindOf.text:
      return { type: 'text', value: bytes.readUtf8(bytes.left, 'text payload') };
    default:
      throw new CodecError(`unknown payload kind ${kind}`);
  }
}
