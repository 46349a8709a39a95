import type { ActionRecord, PayloadType } from '../model/action.ts';
import { Action } from '../model/action.ts';
import { CodecError, InvalidInputError } from '../model/errors.ts';
import type { Event, EventRecord, Events, RecordInfo } from '../model/event.ts';
import type { PayloadMetadata } from '../model/record-metadata.ts';
import type { DecodedEvents } from './decoded-events.ts';
import { decodeBinaryEvents, encodeBinaryEvents } from './events-binary-codec.ts';
import { decodeJsonEvents, encodeJsonEvents } from './events-json-codec.ts';
import { recordMetadataOf } from './record-metadata-codec.ts';

/** The value of an append, and the format that its header must name. */
export interface EncodedEvents {
  readonly payloadType: PayloadType;
  readonly value: Buffer;
}

/**
 * Encodes the events of one append: binary if any payload is binary, else JSON
 * (docs/format.md#value).
 *
 * @throws {InvalidInputError} when a number comes twice, or a value cannot be encoded
 */
export function encodeEvents(events: Events, metadata: PayloadMetadata): EncodedEvents {
  const twice = firstRepeated(events);
  if (twice !== undefined) {
    throw new InvalidInputError(`sequence number ${twice.seqNr} comes twice in one append`);
  }
  return events.some(isBinary)
    ? { payloadType: 'binary', value: encodeBinaryEvents(events, metadata) }
    : { payloadType: 'json', value: encodeJsonEvents(events, metadata) };
}

/**
 * Decodes the value of an append in record order. Of two events with one number the first counts.
 *
 * @param payloadType from the append's header; the value is never sniffed
 * @throws {CodecError} when the value breaks the format
 */
export function decodeEvents(payloadType: PayloadType, value: Uint8Array): DecodedEvents {
  const decoded = payloadType === 'json' ? decodeJsonEvents(value) : decodeBinaryEvents(value);
  if (firstRepeated(decoded.events) === undefined) return decoded;
  return { events: withoutRepeated(decoded.events), metadata: decoded.metadata };
}

/**
 * The events of an append record; all share one `RecordInfo`.
 *
 * @throws {CodecError} naming topic, partition, offset and id when the value breaks the format
 * @throws {InvalidInputError} when the record is no append
 */
export function eventRecordsOf(
  actionRecord: ActionRecord,
): readonly [EventRecord, ...EventRecord[]] {
  const { action, at } = actionRecord;
  if (!Action.isAppend(action)) {
    throw new InvalidInputError(`a record of action ${action.header.type} has no events`);
  }
  const { header, headers, timestampMs } = action;
  const { events, metadata } = decodeValueOf(actionRecord, header.payloadType, action.value);
  const record: RecordInfo = {
    at,
    timestampMs,
    origin: header.origin,
    version: header.version,
    metadata: recordMetadataOf(header.metadata, metadata),
    headers,
  };
  const records: [EventRecord, ...EventRecord[]] = [{ event: events[0], record }];
  for (let index = 1; index < events.length; index++) {
    records.push({ event: events[index] ?? events[0], record });
  }
  return records;
}

function decodeValueOf(
  { action, at }: ActionRecord,
  payloadType: PayloadType,
  value: Uint8Array,
): DecodedEvents {
  try {
    return decodeEvents(payloadType, value);
  } catch (cause) {
    const place = { topic: action.key.topic, ...at, id: action.key.id };
    throw new CodecError('the events of a record cannot be decoded', { cause, place });
  }
}

function isBinary(event: Event): boolean {
  return event.payload?.type === 'binary';
}

/** Numbers nearly always ascend; only where they do not is a set needed. */
function firstRepeated(events: Events): Event | undefined {
  let last = 0;
  for (const { seqNr } of events) {
    if (seqNr <= last) return firstRepeatedUnordered(events);
    last = seqNr;
  }
  return undefined;
}

function firstRepeatedUnordered(events: Events): Event | undefined {
  const seen = new Set<number>();
  return events.find(({ seqNr }) => {
    if (seen.has(seqNr)) return true;
    seen.add(seqNr);
    return false;
  });
}

function withoutRepeated([first, ...rest]: Events): Events {
  const seen = new Set<number>([first.seqNr]);
  const kept = rest.filter(({ seqNr }) => !seen.has(seqNr) && seen.add(seqNr));
  return [first, ...kept];
}
