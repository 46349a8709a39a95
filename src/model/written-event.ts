import { types } from 'node:util';
import { ignoreOutcome } from './at-once.ts';
import { InvalidInputError } from './errors.ts';
import type { Headers, PrintedEvent } from './event.ts';
import { type Payload, PrintedJson } from './payload.ts';
import { SeqNr } from './seq-nr.ts';
import { shown } from './shown.ts';

/*
 * What callers hand over for a write, checked and read once: what was looked at is what is written,
 * whatever a getter or a proxy answers the next time. Callers use JavaScript, so nothing is taken
 * for what its type says.
 *
 * An acknowledged record that its own decoder refuses would hold its entity and its partition for
 * ever.
 */

/**
 * Longest tag, header name and header value in UTF-8: a collection of Cassandra holds no longer
 * one.
 */
const maxTextBytes = 65_535;
const maxHeaders = 1_000;
const noTags: readonly string[] = Object.freeze([]);
const noHeaders: Headers = Object.freeze({});

/** The events of one append, checked: never empty. */
export type WrittenEvents = readonly [PrintedEvent, ...PrintedEvent[]];

/**
 * The events of one append. JSON values are not looked into: the codec does so while it prints
 * them.
 *
 * @throws {InvalidInputError} names the place: `events[2].tags[0]`
 */
export function writtenEvents(events: readonly PrintedEvent[]): WrittenEvents {
  if (!Array.isArray(events)) throw refusal('events', 'must be an array', events);
  const { length } = events;
  if (length === 0) throw new InvalidInputError('an append needs at least one event');
  const written: [PrintedEvent, ...PrintedEvent[]] = [writtenEvent(events[0], 0)];
  for (let index = 1; index < length; index++) written.push(writtenEvent(events[index], index));
  return written;
}

/**
 * The user headers of one append; those that are `undefined` are left out.
 *
 * @throws {InvalidInputError}
 */
export function writtenHeaders(headers: Headers | undefined): Headers {
  if (headers === undefined) return noHeaders;
  const name = 'headers';
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) {
    throw refusal(name, 'must be an object of texts', headers);
  }
  const entries = Object.entries<unknown>(headers).filter(([, value]) => value !== undefined);
  if (entries.length > maxHeaders) {
    throw new InvalidInputError(`${name} must be at most ${maxHeaders}, not ${entries.length}`);
  }
  for (const [header, value] of entries) {
    checkText(header, `the name of ${name}[${shown(header)}]`);
    checkText(value, `${name}[${shown(header)}]`);
  }
  // Unlike an assignment it makes a member of the name `__proto__`.
  return Object.fromEntries(entries) as Headers;
}

function writtenEvent(event: PrintedEvent | undefined, index: number): PrintedEvent {
  if (typeof event !== 'object' || event === null) {
    throw refusal(`events[${index}]`, 'must be an event', event);
  }
  const { seqNr, tags, payload } = event;
  if (!Number.isSafeInteger(seqNr) || seqNr < SeqNr.min || seqNr === SeqNr.max) {
    throw refusal(`events[${index}].seqNr`, 'must be an integer in 1..2^53-2', seqNr);
  }
  return {
    seqNr,
    tags:
      Array.isArray(tags) && tags.length === 0
        ? noTags
        : writtenTags(tags, `events[${index}].tags`),
    payload: payload === undefined ? undefined : writtenPayload(payload, index),
  };
}

/**
 * The tags of one event.
 *
 * @throws {InvalidInputError} names the tag by its place: `tags[0]`
 */
export function writtenTags(tags: readonly string[], place: string): readonly string[] {
  if (!Array.isArray(tags)) throw refusal(place, 'must be an array', tags);
  if (tags.length === 0) return noTags;
  return Array.from(tags, (tag, at) => checkText(tag, `${place}[${at}]`));
}

function writtenPayload(payload: Payload | PrintedJson, index: number): Payload | PrintedJson {
  if (payload instanceof PrintedJson) return payload;
  const place = `events[${index}].payload`;
  if (typeof payload !== 'object' || payload === null) {
    throw refusal(place, 'must be undefined or an object with a type', payload);
  }
  const { type, value } = payload;
  switch (type) {
    case 'json':
      if (value === null) {
        throw new InvalidInputError(`${place}.value is null, which reads back as no payload`, {
          path: `${place}.value`,
        });
      }
      return { type, value };
    case 'text':
      return { type, value: checkWellFormed(value, `${place}.value`) };
    case 'binary':
      if (!types.isUint8Array(value))
        throw refusal(`${place}.value`, 'must be a Uint8Array', value);
      return { type, value };
    default:
      throw refusal(`${place}.type`, 'must be json, text or binary', type);
  }
}

function checkText(text: unknown, place: string): string {
  const checked = checkWellFormed(text, place);
  if (checked.length * 3 > maxTextBytes && Buffer.byteLength(checked) > maxTextBytes) {
    throw refusal(place, `must have at most ${maxTextBytes} bytes`, text);
  }
  return checked;
}

/** An unpaired surrogate is no UTF-8: the log or a store would keep another text. */
function checkWellFormed(text: unknown, place: string): string {
  if (typeof text !== 'string') throw refusal(place, 'must be a text', text);
  if (!text.isWellFormed()) throw refusal(place, 'must hold no unpaired surrogate', text);
  return text;
}

function refusal(path: string, rule: string, value: unknown): InvalidInputError {
  ignoreOutcome(value);
  return new InvalidInputError(`${path} ${rule}, not ${shown(value)}`, { path });
}
