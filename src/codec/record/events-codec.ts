import type { ActionRecord, PayloadType } from '../../model/action.ts';
import { Action } from '../../model/action.ts';
import { CodecError, InvalidInputError } from '../../model/errors.ts';
import type {
  DecodedEvents,
  EventRecord,
  PrintedEvent,
  RecordInfo,
  ReplicatedEvent,
} from '../../model/event.ts';
import type { PayloadMetadata } from '../../model/record-metadata.ts';
import { SeqNr, type SeqRange } from '../../model/seq-nr.ts';
import { decodeUtf8WithSurrogates } from '../utf8.ts';
import { decodeBinaryEvents, encodeBinaryEvents } from './events-binary-codec.ts';
import { decodeJsonEvents, encodeJsonEvents } from './events-json-codec.ts';
import { printedEventsOf } from './printed-events.ts';
import { recordMetadataOf } from './record-metadata-codec.ts';
import { noEventHas } from './seq-nr-codec.ts';

/** The value of an append, and the format that its header must name. */
export interface EncodedEvents {
  readonly payloadType: PayloadType;
  readonly value: Buffer;
}

/**
 * Encodes the events of one append: binary if any payload is binary, else JSON
 * (docs/format.md#value).
 *
 * @throws {InvalidInputError} when a number cannot be that of an event or does not come after the
 * one before it, or a value cannot be encoded
 */
export function encodeEvents(
  events: readonly PrintedEvent[],
  metadata: PayloadMetadata,
): EncodedEvents {
  checkNumbers(events);
  return events.some(({ payload }) => payload?.type === 'binary')
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
  return withoutRepeated(
    payloadType === 'json' ? decodeJsonEvents(value) : decodeBinaryEvents(value),
  );
}

/** As {@link decodeEvents}, but payloads stay texts where the store keeps the same texts. */
function decodePrintedEvents(
  payloadType: PayloadType,
  value: Uint8Array,
): DecodedEvents<PrintedEvent> {
  const printed =
    payloadType === 'json' ? printedEventsOf(decodeUtf8WithSurrogates(value, 'value')) : undefined;
  return printed === undefined ? decodeEvents(payloadType, value) : withoutRepeated(printed);
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
  return recordsOf(actionRecord, decodeEvents);
}

/** As {@link eventRecordsOf}, for those who store the events and do not look into them: cheaper. */
export function replicatedEventsOf(
  actionRecord: ActionRecord,
): readonly [ReplicatedEvent, ...ReplicatedEvent[]] {
  return recordsOf(actionRecord, decodePrintedEvents);
}

type Decode<E extends PrintedEvent> = (type: PayloadType, value: Uint8Array) => DecodedEvents<E>;

interface RecordOf<E> {
  readonly event: E;
  readonly record: RecordInfo;
}

function recordsOf<E extends PrintedEvent>(
  actionRecord: ActionRecord,
  decode: Decode<E>,
): readonly [RecordOf<E>, ...RecordOf<E>[]] {
  const { action, at } = actionRecord;
  if (!Action.isAppend(action)) {
    throw new InvalidInputError(`a record of action ${action.header.type} has no events`);
  }
  const { header, headers, timestampMs } = action;
  let decoded: DecodedEvents<E>;
  try {
    decoded = decode(header.payloadType, action.value);
    checkRange(decoded.events, header.range);
  } catch (cause) {
    const place = { topic: action.key.topic, ...at, id: action.key.id };
    throw new CodecError('the events of a record cannot be decoded', { cause, place });
  }
  const { events, metadata } = decoded;
  const record: RecordInfo = {
    at,
    timestampMs,
    origin: header.origin,
    version: header.version,
    metadata: recordMetadataOf(header.metadata, metadata),
    headers,
  };
  const records: [RecordOf<E>, ...RecordOf<E>[]] = [{ event: events[0], record }];
  for (let index = 1; index < events.length; index++) {
    records.push({ event: events[index] ?? events[0], record });
  }
  return records;
}

/**
 * What {@link checkRange} will demand.
 *
 * @throws {InvalidInputError} naming the event
 */
function checkNumbers(events: readonly PrintedEvent[]): void {
  let last = 0;
  for (let index = 0; index < events.length; index++) {
    const seqNr = events[index]?.seqNr ?? Number.NaN;
    if (seqNr >= SeqNr.max) {
      throw new InvalidInputError(`the number of events[${index}] ${noEventHas(seqNr)}`);
    }
    if (!Number.isSafeInteger(seqNr) || seqNr <= last) {
      throw new InvalidInputError(
        `the number of events[${index}] is ${seqNr}, not an integer above ${last}: the numbers of an append ascend`,
      );
    }
    last = seqNr;
  }
}

/**
 * Who decides which record counts goes by the header's range, so the events have to be those that
 * it names: from its first to its last number, ascending.
 *
 * @throws {CodecError} they are not
 */
function checkRange(events: readonly PrintedEvent[], { from, to }: SeqRange): void {
  const refuse = (what: string): CodecError =>
    new CodecError(`the header names the events ${from}..${to}, but ${what}`);
  let last = 0;
  for (const { seqNr } of events) {
    if (last === 0 && seqNr !== from) throw refuse(`the first one is ${seqNr}`);
    if (seqNr <= last) throw refuse(`${seqNr} follows ${last}`);
    last = seqNr;
  }
  if (last !== to) throw refuse(`the last one is ${last}`);
}

function withoutRepeated<E extends PrintedEvent>(decoded: DecodedEvents<E>): DecodedEvents<E> {
  const { events, metadata } = decoded;
  // Numbers nearly always ascend; only where they do not is a set needed.
  let last = 0;
  let ascend = true;
  for (const { seqNr } of events) {
    if (seqNr <= last) ascend = false;
    last = seqNr;
  }
  if (ascend) return decoded;
  const [first, ...rest] = events;
  const seen = new Set<number>([first.seqNr]);
  const kept = rest.filter(({ seqNr }) => !seen.has(seqNr) && seen.add(seqNr));
  return { events: [first, ...kept], metadata };
}
