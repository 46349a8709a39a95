import type { ActionHeader, AppendHeader } from '../../model/action.ts';
import { CodecError, InvalidInputError } from '../../model/errors.ts';
import type { JsonValue } from '../../model/payload.ts';
import type { Offset } from '../../model/position.ts';
import { RecordMetadata } from '../../model/record-metadata.ts';
import { SeqNr } from '../../model/seq-nr.ts';
import { isScope, maxScopeLength, type Tenure, type TenureOpening } from '../../model/tenure.ts';
import { Wake } from '../../model/wake-up.ts';
import type { JsonObject } from '../json/json.ts';
import { isJsonObject, jsonDocument, parseJson } from '../json/json.ts';
import { printString } from '../json/json-printer.ts';
import {
  headerMetadataFragment,
  readHeaderMetadata,
  writtenHeader,
} from './record-metadata-codec.ts';
import { noEventHas, printSeqNr, readSeqNr } from './seq-nr-codec.ts';

/*
 * docs/format.md#header
 *
 *   {"append":{"range":{"from":N,"to":N},"wake":N|"now"|"none"?,"origin":S?,"version":S?,
 *     "tenure":W?,"payloadType":T,"metadata":{}}}
 *   {"mark":{"id":S,"origin":S?,"version":S?,"tenure":O?}}
 *   {"delete":{"to":N,"origin":S?,"version":S?,"tenure":W?}}
 *   {"purge":{"origin":S?,"version":S?,"tenure":W?}}
 *
 * W, what was written under a tenure: {"scope":S,"of":N}. O, what opens one:
 * {"scope":S,"holder":S,"address":S?}
 */

/**
 * The value of the `journal.action` header.
 *
 * @throws {InvalidInputError} when JSON cannot hold it, or a tenure or a wake-up is none that can
 *   be read back: then with its path
 */
export function encodeActionHeader(header: ActionHeader): string {
  return jsonDocument(bodyOf(header));
}

/**
 * Reads a `journal.action` header.
 *
 * @returns `undefined` when it is no journal action: the record is nobody's business
 * @throws {CodecError} when it is no JSON, or an action that does not hold together
 */
export function decodeActionHeader(text: string): ActionHeader | undefined {
  const common = decodeCommonAppend(text);
  if (common !== undefined) return common;
  const json = parseJson(text);
  if (!isJsonObject(json)) return undefined;
  const { append, mark, delete: deleteTo, purge } = json;
  // In this order; the first member that is an object decides.
  if (isJsonObject(append)) return remember(readAppend(append), text);
  if (isJsonObject(mark)) {
    const { id } = mark;
    if (typeof id !== 'string') throw new CodecError('mark.id must be a string');
    return { type: 'mark', id, ...readWriter(mark, 'mark'), ...readOpening(mark.tenure) };
  }
  if (isJsonObject(deleteTo)) {
    const to = readSeqNr(deleteTo.to, 'delete.to');
    const written = { ...readWriter(deleteTo, 'delete'), ...readTenure(deleteTo.tenure, 'delete') };
    return { type: 'delete', to, ...written };
  }
  if (isJsonObject(purge)) {
    return { type: 'purge', ...readWriter(purge, 'purge'), ...readTenure(purge.tenure, 'purge') };
  }
  return undefined;
}

function bodyOf(header: ActionHeader): string {
  switch (header.type) {
    case 'append': {
      const { range, payloadType, metadata } = header;
      if (range.to >= SeqNr.max)
        throw new InvalidInputError(`append.range.to ${noEventHas(range.to)}`);
      const numbers = `${printSeqNr(range.from)},"to":${printSeqNr(range.to)}`;
      const rest = `"payloadType":"${payloadType}","metadata":${headerMetadataFragment(metadata, writtenHeader)}`;
      const written =
        wakeMember(header.wake) + writerMembers(header) + tenureMember(header.tenure, 'append');
      return `${appendStart}${numbers}}${written},${rest}}}`;
    }
    case 'mark':
      return `{"mark":{"id":${printString(header.id)}${writerMembers(header)}${openingMember(header.opens)}}}`;
    case 'delete':
      return `{"delete":{"to":${printSeqNr(header.to)}${writerMembers(header)}${tenureMember(header.tenure, 'delete')}}}`;
    case 'purge':
      return `{"purge":{${(writerMembers(header) + tenureMember(header.tenure, 'purge')).slice(1)}}}`;
  }
}

const appendStart = '{"append":{"range":{"from":';

interface Writer {
  readonly origin: string | undefined;
  readonly version: string | undefined;
}

/** One process writes one origin and version, so the last text is nearly always the next one. */
let lastWriter: Writer & { readonly text: string } = {
  origin: undefined,
  version: undefined,
  text: '',
};

/** `,"origin":S,"version":S` as far as present. */
function writerMembers({ origin, version }: Writer): string {
  if (lastWriter.origin === origin && lastWriter.version === version) return lastWriter.text;
  const first = origin === undefined ? '' : `,"origin":${printString(origin)}`;
  const second = version === undefined ? '' : `,"version":${printString(version)}`;
  lastWriter = { origin, version, text: first + second };
  return lastWriter.text;
}

function wakeMember(wake: Wake | undefined): string {
  if (wake === undefined) return '';
  if (!Wake.is(wake)) throw unreadable('append.wake', Wake.mustBe);
  return typeof wake === 'number' ? `${wakeStart}${wake}` : `${wakeStart}"${wake}"`;
}

const wakeStart = ',"wake":';

/** The same of what was written under a tenure. */
function tenureMember(tenure: Tenure | undefined, action: string): string {
  if (tenure === undefined) return '';
  const place = `${action}.tenure`;
  const { of } = tenure;
  const scope = scopeText(tenure.scope, place);
  if (!isOffset(of)) throw unreadable(`${place}.of`, mustBeOffset);
  return `,"tenure":{"scope":${scope},"of":${of}}`;
}

function openingMember(opening: TenureOpening | undefined): string {
  if (opening === undefined) return '';
  const place = 'mark.tenure';
  const { holder, address } = opening;
  const scope = scopeText(opening.scope, place);
  const text = wellFormedText(holder, `${place}.holder`);
  if (address === undefined) return `,"tenure":{"scope":${scope},"holder":${text}}`;
  const where = wellFormedText(address, `${place}.address`);
  return `,"tenure":{"scope":${scope},"holder":${text},"address":${where}}`;
}

/** A process writes under one scope, so the last one that was checked is nearly always the next. */
let lastScope = { scope: '', text: '""' };

function scopeText(scope: unknown, place: string): string {
  if (scope === lastScope.scope) return lastScope.text;
  const problem = problemOfScope(scope);
  if (problem !== undefined) throw unreadable(`${place}.scope`, problem);
  lastScope = { scope: scope as string, text: printString(scope as string) };
  return lastScope.text;
}

function wellFormedText(text: unknown, place: string): string {
  if (typeof text !== 'string') throw unreadable(place, mustBeString);
  if (!text.isWellFormed()) throw unreadable(place, 'must have no unpaired surrogate');
  return printString(text);
}

/** What is acknowledged can be read: so what no reader takes is refused before it is sent. */
function unreadable(path: string, problem: string): InvalidInputError {
  return new InvalidInputError(`${path} ${problem}`, { path });
}

function readTenure(tenure: JsonValue | undefined, action: string): { readonly tenure?: Tenure } {
  if (tenure === undefined || tenure === null) return {};
  const place = `${action}.tenure`;
  if (!isJsonObject(tenure)) throw new CodecError(`${place} must be an object`);
  const { of } = tenure;
  const scope = readScope(tenure.scope, place);
  if (!isOffset(of)) throw new CodecError(`${place}.of ${mustBeOffset}`);
  return { tenure: { scope, of } };
}

function readWake(wake: JsonValue | undefined): { readonly wake?: Wake } {
  if (wake === undefined || wake === null) return {};
  if (!Wake.is(wake)) throw new CodecError(`append.wake ${Wake.mustBe}`);
  return { wake };
}

function isOffset(value: unknown): value is Offset {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

const mustBeOffset = 'must be an offset in 0..2^53-1';
const mustBeString = 'must be a string';
function readScope(scope: JsonValue | undefined, place: string): string {
  const problem = problemOfScope(scope);
  if (problem !== undefined) throw new CodecError(`${place}.scope ${problem}`);
  return scope as string;
}

/** Why it is no scope. */
function problemOfScope(scope: unknown): string | undefined {
  if (typeof scope !== 'string') return mustBeString;
  if (isScope(scope)) return undefined;
  return `must have at most ${maxScopeLength} characters and no unpaired surrogate`;
}

function readOpening(tenure: JsonValue | undefined): { readonly opens?: TenureOpening } {
  if (tenure === undefined || tenure === null) return {};
  if (!isJsonObject(tenure)) throw new CodecError('mark.tenure must be an object');
  const { holder } = tenure;
  const scope = readScope(tenure.scope, 'mark.tenure');
  if (typeof holder !== 'string') throw new CodecError(`mark.tenure.holder ${mustBeString}`);
  const address = optionalString(tenure.address, 'mark.tenure.address');
  return { opens: { scope, holder, address } };
}

function readAppend(append: JsonObject): AppendHeader {
  const { origin, version } = readWriter(append, 'append');
  const { range, payloadType } = append;
  if (!isJsonObject(range)) throw new CodecError('append.range must be an object');
  const from = readSeqNr(range.from, 'append.range.from');
  const to = readSeqNr(range.to, 'append.range.to');
  if (from > to) throw new CodecError(`append.range starts at ${from}, above its end ${to}`);
  if (to === SeqNr.max) throw new CodecError(`append.range.to ${noEventHas(to)}`);
  if (payloadType !== 'json' && payloadType !== 'binary') {
    const found = JSON.stringify(payloadType);
    throw new CodecError(`append.payloadType must be json or binary, not ${found}`);
  }
  return {
    type: 'append',
    range: { from, to },
    origin,
    version,
    payloadType,
    metadata: readHeaderMetadata(append.metadata),
    ...readTenure(append.tenure, 'append'),
    ...readWake(append.wake),
  };
}

function readWriter(action: JsonObject, name: string): Writer {
  return {
    origin: optionalString(action.origin, `${name}.origin`),
    version: optionalString(action.version, `${name}.version`),
  };
}

function optionalString(value: JsonValue | undefined, what: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw new CodecError(`${what} ${mustBeString}`);
  return value;
}

/*
 * Appends of one writer differ in two numbers and perhaps a wake-up only. The text after them is
 * kept with what it means, provided that encoding gives the whole text again: then nothing in it
 * can contradict the numbers.
 */

type Rest = Pick<AppendHeader, 'origin' | 'version' | 'payloadType' | 'tenure'>;

/** Texts after range and wake-up, with their meaning; as many as writers and value formats. */
const rests = new Map<string, Rest>();
const maxRests = 128;

/** Any number of 15 digits is safe. */
const maxDigits = 15;

function remember(header: AppendHeader, text: string): AppendHeader {
  const { origin, version, payloadType, metadata, tenure, wake } = header;
  if (metadata.data !== undefined || encodeActionHeader(header) !== text) return header;
  if (rests.size >= maxRests) rests.clear();
  const rest = { origin, version, payloadType, ...(tenure === undefined ? {} : { tenure }) };
  rests.set(text.slice(text.indexOf('}') + 1 + wakeMember(wake).length), rest);
  return header;
}

function decodeCommonAppend(text: string): AppendHeader | undefined {
  if (!text.startsWith(appendStart)) return undefined;
  const comma = text.indexOf(',', appendStart.length);
  const brace = text.indexOf('}', comma);
  const wake = wakeAt(text, brace + 1);
  if (wake === undefined) return undefined;
  const rest = rests.get(text.slice(wake.end));
  if (rest === undefined || !text.startsWith(',"to":', comma)) return undefined;
  const from = digitsBetween(text, appendStart.length, comma);
  const to = digitsBetween(text, comma + 6, brace);
  if (!(from <= to)) return undefined;
  // Members in the order of `readAppend`: both ways give objects of one shape.
  const { origin, version, payloadType, tenure } = rest;
  const metadata = RecordMetadata.empty.header;
  const header = {
    type: 'append' as const,
    range: { from, to },
    origin,
    version,
    payloadType,
    metadata,
  };
  if (wake.value !== undefined) {
    return { ...header, ...(tenure === undefined ? {} : { tenure }), wake: wake.value };
  }
  return tenure === undefined ? header : { ...header, tenure };
}

interface WakeInText {
  readonly value: Wake | undefined;
  /** Where the text after it begins. */
  readonly end: number;
}

/** The wake-up that begins there, if one does; `undefined` = `readAppend` has to look at it. */
function wakeAt(text: string, start: number): WakeInText | undefined {
  if (!text.startsWith(wakeStart, start)) return { value: undefined, end: start };
  const first = start + wakeStart.length;
  const end = text.indexOf(',', first);
  const shown = text.slice(first, end);
  if (shown === '"now"') return { value: 'now', end };
  if (shown === '"none"') return { value: 'none', end };
  const value = shown === '0' ? 0 : digitsBetween(text, first, end);
  return Wake.is(value) ? { value, end } : undefined;
}

/** The plain positive integer between two places; `NaN` for anything else. */
function digitsBetween(text: string, start: number, end: number): SeqNr {
  let value = end - start > maxDigits || text.charCodeAt(start) === 0x30 ? Number.NaN : 0;
  for (let at = start; at < end; at++) {
    const digit = text.charCodeAt(at) - 0x30;
    value = digit >= 0 && digit <= 9 ? value * 10 + digit : Number.NaN;
  }
  return (end > start ? value : Number.NaN) as SeqNr;
}
