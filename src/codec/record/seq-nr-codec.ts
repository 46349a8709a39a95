import { CodecError } from '../../model/errors.ts';
import type { JsonValue } from '../../model/payload.ts';
import { JsonNumber } from '../../model/payload.ts';
import { SeqNr } from '../../model/seq-nr.ts';
import { integerOf } from '../json/json-number.ts';

/** `SeqNr.max` on the wire: 2^63-1. */
const wireMax = 0x7fffffffffffffffn;
const wireMaxText = String(wireMax);

/** The number as the wire has it: `SeqNr.max` is 2^63-1. */
export function printSeqNr(seqNr: SeqNr): string {
  return seqNr === SeqNr.max ? wireMaxText : String(seqNr);
}

/**
 * A sequence number from JSON, in any spelling of an integer.
 *
 * @param what names the field in the error
 * @throws {CodecError} when it is no integer in 1 .. 2^53-2, nor 2^63-1
 */
export function readSeqNr(value: JsonValue | undefined, what: string): SeqNr {
  if (typeof value === 'number') return safeSeqNr(value, what);
  if (value instanceof JsonNumber && integerOf(value) === wireMax) return SeqNr.max;
  throw refuse(value instanceof JsonNumber ? value.text : JSON.stringify(value), what);
}

/**
 * A sequence number from the two halves of a 64-bit integer.
 *
 * @param high signed
 * @param low unsigned
 */
export function seqNrOfHalves(high: number, low: number, what: string): SeqNr {
  if (high === 0x7fffffff && low === 0xffffffff) return SeqNr.max;
  return safeSeqNr(high * 0x1_0000_0000 + low, what);
}

/** The two halves of the 64-bit integer that stands for `seqNr`. */
export function halvesOfSeqNr(seqNr: SeqNr): { readonly high: number; readonly low: number } {
  if (seqNr === SeqNr.max) return { high: 0x7fffffff, low: 0xffffffff };
  return { high: Math.floor(seqNr / 0x1_0000_0000), low: seqNr % 0x1_0000_0000 };
}

/** Why a number above 2^53-2 is refused where an event is meant. */
export function noEventHas(value: number): string {
  const text = value === SeqNr.max ? '2^63-1' : String(value);
  return `is ${text}, but the number of an event is at most 2^53-2`;
}

/** 2^53-1 is refused: in memory it means "no upper bound", on the wire it does not (ADR 16). */
function safeSeqNr(value: number, what: string): SeqNr {
  if (Number.isInteger(value) && value >= SeqNr.min && value < SeqNr.max) return value as SeqNr;
  throw refuse(String(value), what);
}

function refuse(value: string | undefined, what: string): CodecError {
  return new CodecError(`${what} must be an integer in 1..2^53-2 or 2^63-1, not ${value}`);
}
