import type { DecodedEvents, PrintedEvent } from '../../model/event.ts';
import { PrintedJson } from '../../model/payload.ts';
import { RecordMetadata } from '../../model/record-metadata.ts';
import { SeqNr } from '../../model/seq-nr.ts';
import { parseJson } from '../json/json.ts';
import { PrintedJsonScanner } from '../json/printed-json.ts';
import { readPayloadMetadata } from './record-metadata-codec.ts';
import { noTags, uniqueTags } from './tags.ts';

/**
 * The events of a JSON value whose payloads stand there as the store keeps them, which is how all
 * writers write them: the texts of the payloads are taken over unread. `undefined` where that is
 * not certain, as of a value with white space, a `null` payload or one of another type; such a
 * value has to be decoded.
 *
 * @throws {CodecError} when the metadata is malformed
 */
export function printedEventsOf(text: string): DecodedEvents<PrintedEvent> | undefined {
  if (!text.isWellFormed()) return undefined;
  const scan = new PrintedJsonScanner(text);
  const events = printedEvents(scan, text);
  if (events === undefined) return undefined;
  // What follows the events, to the end of the text.
  if (scan.skip(',"metadata":{}}')) {
    return scan.isAtEnd ? { events, metadata: RecordMetadata.empty.payload } : undefined;
  }
  if (!scan.skip(',"metadata":')) return undefined;
  const start = scan.at;
  if (!scan.skipValue()) return undefined;
  const metadata = text.slice(start, scan.at);
  if (!scan.skip('}') || !scan.isAtEnd) return undefined;
  return { events, metadata: readPayloadMetadata(parseJson(metadata)) };
}

function printedEvents(
  scan: PrintedJsonScanner,
  text: string,
): DecodedEvents<PrintedEvent>['events'] | undefined {
  const first = scan.skip('{"events":[') ? printedEvent(scan, text) : undefined;
  if (first === undefined) return undefined;
  const events: [PrintedEvent, ...PrintedEvent[]] = [first];
  while (scan.skip(',')) {
    const event = printedEvent(scan, text);
    if (event === undefined) return undefined;
    events.push(event);
  }
  return scan.skip(']') ? events : undefined;
}

function printedEvent(scan: PrintedJsonScanner, text: string): PrintedEvent | undefined {
  if (!scan.skip('{"seqNr":')) return undefined;
  const startOfNumber = scan.at;
  if (!scan.skipNumber()) return undefined;
  const seqNr = Number(text.slice(startOfNumber, scan.at));
  if (!Number.isInteger(seqNr) || seqNr < SeqNr.min) return undefined;
  const tags = printedTags(scan, text);
  if (tags === undefined || !scan.skip(',"payloadType":"json","payload":')) return undefined;
  const startOfPayload = scan.at;
  if (!scan.skipValue()) return undefined;
  const payload = text.slice(startOfPayload, scan.at);
  if (payload === 'null' || !scan.skip('}')) return undefined;
  return { seqNr: SeqNr.of(seqNr), tags, payload: new PrintedJson(payload) };
}

function printedTags(scan: PrintedJsonScanner, text: string): readonly string[] | undefined {
  if (scan.skip(',"tags":[]')) return noTags;
  if (!scan.skip(',"tags":[')) return undefined;
  const start = scan.at;
  do if (!scan.skipString()) return undefined;
  while (scan.skip(','));
  const tags: readonly string[] = JSON.parse(`[${text.slice(start, scan.at)}]`);
  return scan.skip(']') ? uniqueTags(tags) : undefined;
}
