import { CodecError } from '../../model/errors.ts';
import type { DecodedEvents, Event, PrintedEvent } from '../../model/event.ts';
import type { JsonValue, Payload, PrintedJson } from '../../model/payload.ts';
import type { PayloadMetadata } from '../../model/record-metadata.ts';
import { isJsonArray, isJsonObject, jsonDocument, parseJson } from '../json/json.ts';
import { printString, printValue } from '../json/json-printer.ts';
import { maxDataLevels } from '../json/json-text.ts';
import { decodeUtf8WithSurrogates } from '../utf8.ts';
import {
  payloadMetadataFragment,
  readPayloadMetadata,
  writtenPayload,
} from './record-metadata-codec.ts';
import { printSeqNr, readSeqNr } from './seq-nr-codec.ts';
import { noTags, uniqueTags } from './tags.ts';

/*
 * docs/format.md#json-value
 *
 *   value  {"events":[EVENT,...],"metadata":{"expireAfter":DURATION,"data":ANY}}
 *   EVENT  {"seqNr":N,"tags":[S,...],"payloadType":"json"|"text","payload":ANY}
 *
 * Absent members are omitted; the first writers had no "metadata".
 */

/**
 * Events none of which is binary, as JSON.
 *
 * @throws {InvalidInputError}
 */
export function encodeJsonEvents(
  events: readonly PrintedEvent[],
  metadata: PayloadMetadata,
): Buffer {
  let text = '{"events":[';
  let separator = '';
  for (let index = 0; index < events.length; index++) {
    const { seqNr, tags, payload } = events[index] as PrintedEvent;
    const tagsText = tags.length === 0 ? '[]' : `[${uniqueTags(tags).map(printString).join(',')}]`;
    const members = payloadMembers(payload, index);
    text += `${separator}{"seqNr":${printSeqNr(seqNr)},"tags":${tagsText}${members}}`;
    separator = ',';
  }
  return Buffer.from(
    jsonDocument(`${text}],"metadata":${payloadMetadataFragment(metadata, writtenPayload)}}`),
  );
}

/** @throws {CodecError} when the value breaks the format */
export function decodeJsonEvents(value: Uint8Array): DecodedEvents {
  const json = parseJson(decodeUtf8WithSurrogates(value, 'value'));
  if (!isJsonObject(json)) throw new CodecError('the value must be an object');
  const { events, metadata } = json;
  if (!isJsonArray(events)) throw new CodecError('events must be an array');
  const [first] = events;
  if (first === undefined) throw new CodecError('events must not be empty');
  const read: [Event, ...Event[]] = [readEvent(first)];
  for (let index = 1; index < events.length; index++) read.push(readEvent(events[index]));
  return { events: read, metadata: readPayloadMetadata(metadata) };
}

function payloadMembers(payload: Payload | PrintedJson | undefined, index: number): string {
  switch (payload?.type) {
    case undefined:
      return '';
    case 'json':
      return `,"payloadType":"json","payload":${printPayload(payload.value, index)}`;
    case 'printed-json':
      return `,"payloadType":"json","payload":${payload.text}`;
    case 'text':
      return `,"payloadType":"text","payload":${printString(payload.value)}`;
    case 'binary':
      // The codec is chosen by the kinds of all payloads, so this is a bug of ours.
      throw new CodecError('JSON cannot hold a binary payload');
  }
}

/**
 * The text of a JSON payload that a caller gave to the event at `index`.
 *
 * @throws {InvalidInputError} names its place
 */
export function printPayload(value: JsonValue, index: number): string {
  const name = `events[${index}].payload.value`;
  return printValue(value, { name, maxLevels: maxDataLevels, exact: true });
}

function readEvent(json: JsonValue | undefined): Event {
  if (!isJsonObject(json)) throw new CodecError('an event must be an object');
  const { tags, payloadType, payload } = json;
  const seqNr = readSeqNr(json.seqNr, 'seqNr');
  if (!isJsonArray(tags)) throw new CodecError('tags must be an array');
  if (!tags.every((tag) => typeof tag === 'string')) throw new CodecError('a tag must be a string');
  return {
    seqNr,
    tags: tags.length === 0 ? noTags : uniqueTags(tags),
    payload: readPayload(payloadType, payload),
  };
}

function readPayload(
  type: JsonValue | undefined,
  value: JsonValue | undefined,
): Payload | undefined {
  const known = type === undefined || type === null || type === 'json' || type === 'text';
  if (!known) throw new CodecError(`payloadType of an event must be json or text`);
  if (value === undefined || value === null) return undefined;
  if (type !== 'text') return { type: 'json', value };
  if (typeof value !== 'string')
    throw new CodecError('the payload of a text event must be a string');
  return { type: 'text', value };
}
