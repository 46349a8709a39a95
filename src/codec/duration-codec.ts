import { CodecError } from '../model/errors.ts';
import type { DurationUnit } from '../model/expire-after.ts';
import { ExpireAfter } from '../model/expire-after.ts';
import type { JsonValue } from '../model/payload.ts';
import { JsonNumber } from '../model/payload.ts';
import { integerOf } from './json/json-number.ts';

/*
 * docs/format.md#duration
 *
 *   written   <integer> <unit>[s]            `1 day`, `30 days`
 *   read      the same in many spellings, `1.5 h` as well; or integer milliseconds
 */

const spellings: Readonly<Record<DurationUnit, string>> = {
  day: 'd day days',
  hour: 'h hr hrs hour hours',
  minute: 'm min mins minute minutes',
  second: 's sec secs second seconds',
  millisecond: 'ms milli millis millisecond milliseconds',
  microsecond: '\u00b5s micro micros microsecond microseconds',
  nanosecond: 'ns nano nanos nanosecond nanoseconds',
};

const unitOfSpelling = new Map(
  Object.entries(spellings).flatMap(([unit, words]) =>
    words.split(' ').map((word) => [word, unit as DurationUnit] as const),
  ),
);

/** 2^63-1, the largest 64-bit integer and the longest duration in nanoseconds. */
const maxLong = 0x7fffffffffffffffn;
/** Longest text that is looked at; no duration needs as much. */
const maxTextLength = 400;

const numberThenUnit = /^(.*?)(\p{L}*)$/u;
/** Any decimal digits of the Basic Multilingual Plane: Java looks at one UTF-16 unit at a time. */
const integer = /^[+-]?(?:(?![\u{10000}-\u{10ffff}])\p{Nd})+$/u;
const controlsAround = /^[^\P{Cc}\x7f-\x9f]+|[^\P{Cc}\x7f-\x9f]+$/gu;
const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/** `1 day`, `24 hours`: length and unit as they are. */
export function printDuration({ length, unit }: ExpireAfter): string {
  return `${length} ${unit}${length === 1n ? '' : 's'}`;
}

/**
 * A duration from its JSON form: a text with a unit, or integer milliseconds.
 *
 * @throws {CodecError} when it is neither, or beyond +-(2^63-1) nanoseconds
 */
export function readDuration(value: JsonValue): ExpireAfter {
  if (typeof value === 'string') return bounded(parseDuration(value), value);
  if (typeof value === 'number' || value instanceof JsonNumber) {
    const length = integerOf(value);
    if (length !== undefined) return bounded({ length, unit: 'millisecond' }, String(length));
  }
  throw new CodecError('expireAfter must be a duration or integer milliseconds');
}

function parseDuration(text: string): ExpireAfter {
  // Java's white space is JavaScript's without its no-break spaces, with the four separators.
  const units =
    text.length > maxTextLength ? [] : text.replace(/[^\S\u00a0\u2007\u202f\ufeff]/g, '').split('');
  const compact = units.filter((unit) => unit < '\u001c' || unit > '\u001f').join('');
  const [, number = '', word = ''] = numberThenUnit.exec(compact) ?? [];
  const unit = unitOfSpelling.get(word);
  if (unit === undefined) throw refuse(text);
  if (integer.test(number)) {
    const length = BigInt(asciiDigits(number));
    if (length <= maxLong && length >= -maxLong - 1n) return { length, unit };
  }
  // Java's reader of decimals drops control characters around them.
  const trimmed = number.replace(controlsAround, '');
  if (!decimal.test(trimmed)) throw refuse(text);
  // In doubles, as Scala does it: 2^63 itself rounds into the range, nothing above does.
  const nanos = Number(ExpireAfter.toNanos({ length: 1n, unit })) * Number(trimmed);
  if (!(Math.abs(nanos) <= Number(maxLong))) throw refuse(text);
  const rounded = BigInt(Math.round(nanos));
  return ExpireAfter.ofNanos(rounded > maxLong ? maxLong : rounded);
}

/** Unicode has its decimal digits in rows of ten, and the JVM counts any of them. */
function asciiDigits(number: string): string {
  const ascii = number.replace(/\P{ASCII}/gu, (digit) => {
    const code = digit.codePointAt(0) ?? 0;
    let zero = code;
    while (code - zero < 9 && /\p{Nd}/u.test(String.fromCodePoint(zero - 1))) zero--;
    return String(code - zero);
  });
  return ascii.replace(/^\+/, '');
}

function bounded(value: ExpireAfter, text: string): ExpireAfter {
  const nanos = ExpireAfter.toNanos(value);
  if (nanos > maxLong || nanos < -maxLong) throw refuse(text);
  return value;
}

function refuse(text: string): CodecError {
  return new CodecError(`${JSON.stringify(text.slice(0, 60))} is not a duration`);
}
