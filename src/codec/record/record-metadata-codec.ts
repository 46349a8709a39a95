import { CodecError } from '../../model/errors.ts';
import type { JsonValue } from '../../model/payload.ts';
import type { HeaderMetadata, PayloadMetadata } from '../../model/record-metadata.ts';
import { RecordMetadata } from '../../model/record-metadata.ts';
import { printDuration, readDuration } from '../duration-codec.ts';
import type { JsonObject } from '../json/json.ts';
import { isJsonObject, jsonDocument, parseJson } from '../json/json.ts';
import { printValue, type ValueRules } from '../json/json-printer.ts';
import { maxDataLevels } from '../json/json-text.ts';

/*
 * docs/format.md#metadata
 *
 *   header    {"data":ANY}                                in the record header
 *   payload   {"expireAfter":DURATION,"data":ANY}         in the record value
 *   record    {"header":HEADER,"payload":PAYLOAD}         in the store's column
 *
 * A member without value is omitted; null reads as omitted.
 */

const emptyText = '{"header":{},"payload":{}}';

/**
 * The text that the store keeps.
 *
 * @throws {InvalidInputError} when JSON cannot hold the data
 */
export function printRecordMetadata(metadata: RecordMetadata): string {
  if (metadata === RecordMetadata.empty) return emptyText;
  const header = headerMetadataFragment(metadata.header, stored);
  const payload = payloadMetadataFragment(metadata.payload, stored);
  return jsonDocument(`{"header":${header},"payload":${payload}}`);
}

/**
 * Reads the store's column; `null` is empty.
 *
 * @throws {CodecError} when the text is no record metadata
 */
export function parseRecordMetadata(text: string | null): RecordMetadata {
  if (text === null || text === emptyText) return RecordMetadata.empty;
  const json = parseJson(text);
  if (!isJsonObject(json)) throw new CodecError('record metadata must be an object');
  const header = readHeaderMetadata(objectOrEmpty(json.header, 'header metadata'));
  const payload = readPayloadMetadata(json.payload);
  if (!isEmpty(header) || !isEmpty(payload)) return { header, payload };
  // Old rows hold the header's metadata alone.
  const legacy = readHeaderMetadata(json);
  return isEmpty(legacy) ? RecordMetadata.empty : { header: legacy, payload: {} };
}

/** Both halves as one value; the common empty one is shared. */
export function recordMetadataOf(header: HeaderMetadata, payload: PayloadMetadata): RecordMetadata {
  return isEmpty(header) && isEmpty(payload) ? RecordMetadata.empty : { header, payload };
}

/** What a caller may write: it must come back the same. */
const written = { maxLevels: maxDataLevels, exact: true };
/** What a caller may put into the metadata of a record's header. */
export const writtenHeader: ValueRules = { ...written, name: 'metadata.header.data' };
/** What a caller may put into the metadata of a record's value. */
export const writtenPayload: ValueRules = { ...written, name: 'metadata.payload.data' };
/** What was read from the log, and is stored as the JVM stores it. */
const stored: ValueRules = { name: 'metadata' };

/**
 * Header metadata as a part of a document.
 *
 * @throws {InvalidInputError} when JSON cannot hold the data
 */
export function headerMetadataFragment({ data }: HeaderMetadata, rules: ValueRules): string {
  return isPresent(data) ? `{"data":${printValue(data, rules)}}` : '{}';
}

/**
 * Payload metadata as a part of a document.
 *
 * @throws {InvalidInputError} when JSON cannot hold the data
 */
export function payloadMetadataFragment(
  { expireAfter, data }: PayloadMetadata,
  rules: ValueRules,
): string {
  const members: string[] = [];
  if (expireAfter !== undefined) members.push(`"expireAfter":"${printDuration(expireAfter)}"`);
  if (isPresent(data)) members.push(`"data":${printValue(data, rules)}`);
  return `{${members.join(',')}}`;
}

/** What is no object reads as empty: that is how the first writers' headers look. */
export function readHeaderMetadata(value: JsonValue | undefined): HeaderMetadata {
  const data = isJsonObject(value) ? value.data : undefined;
  return isPresent(data) ? { data } : RecordMetadata.empty.header;
}

/** @throws {CodecError} when it is neither absent nor payload metadata */
export function readPayloadMetadata(value: JsonValue | undefined): PayloadMetadata {
  const { expireAfter, data } = objectOrEmpty(value, 'payload metadata');
  if (!isPresent(expireAfter)) return isPresent(data) ? { data } : RecordMetadata.empty.payload;
  const duration = readDuration(expireAfter);
  return isPresent(data) ? { expireAfter: duration, data } : { expireAfter: duration };
}

function objectOrEmpty(value: JsonValue | undefined, what: string): JsonObject {
  if (!isPresent(value)) return {};
  if (!isJsonObject(value)) throw new CodecError(`${what} must be an object`);
  return value;
}

function isPresent(value: JsonValue | undefined): value is Exclude<JsonValue, null> {
  return value !== undefined && value !== null;
}

function isEmpty(metadata: PayloadMetadata): boolean {
  return metadata.data === undefined && metadata.expireAfter === undefined;
}
