import { CodecError } from '../../model/errors.ts';
import type { JsonValue } from '../../model/payload.ts';
import { JsonNumber } from '../../model/payload.ts';
import { printValue } from './json-printer.ts';
import { readJsonText } from './json-reader.ts';
import { hasEscapedName, isTooDeep, maxDepth, mayHoldWideNumber } from './json-text.ts';
import { mayHoldWholeNumberName } from './member-order.ts';

/** A JSON object, as far as types can tell. */
export type JsonObject = { readonly [name: string]: JsonValue };

/**
 * Reads a JSON text without losing a digit: a number that a double cannot hold is a `JsonNumber`
 * (docs/format.md#numbers). The order of members is kept, for {@link printJson}, where the object
 * itself has another. A leading byte-order mark and further values after the first are ignored; of
 * a repeated member name the last counts, in the place of the first.
 *
 * Fast path: plain `JSON.parse` when no number of the text is wide, no name has an escape, and no
 * member that has a whole number for its name stands where JavaScript would not leave it.
 *
 * @throws {CodecError} when the text is no JSON, nests deeper than 1,300 levels, or holds a number
 * beyond the bounds of JVM readers
 */
export function parseJson(text: string): JsonValue {
  if (isTooDeep(text)) throw new CodecError(`JSON is nested deeper than ${maxDepth} levels`);
  const first = text.charCodeAt(0);
  // `-` or `0` to `9`: the text may be a single number.
  const mayBeNumber = first === 0x2d || (first >= 0x30 && first <= 0x39);
  if (mayBeNumber || mayHoldWideNumber(text) || hasEscapedName(text)) return readJsonText(text);
  try {
    const value: JsonValue = JSON.parse(text);
    if (!mayHoldWholeNumberName(text)) return value;
    // Most such texts are ours or the JVM's: what prints as it was read has kept its order.
    return JSON.stringify(value) === text ? value : readJsonText(text);
  } catch {
    // Our reader takes more than the grammar, and knows the place of what it refuses.
    return readJsonText(text);
  }
}

/**
 * Prints a document as the JVM does: no white space, its spelling of numbers, its escapes
 * (docs/format.md#strings).
 *
 * @throws {InvalidInputError} when JSON cannot hold the value, or it nests deeper than 1,300 levels
 */
export function printJson(value: JsonValue): string {
  return jsonDocument(printValue(value, { name: 'value' }));
}

/**
 * Makes a document of fragments. One lone surrogate makes the JVM escape all surrogates of the
 * document, paired ones too; outside strings there are none, so this can be done on the text.
 */
export function jsonDocument(text: string): string {
  if (text.isWellFormed()) return text;
  return text.replace(
    /[\ud800-\udfff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Narrows to an object with members. */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  if (typeof value !== 'object' || value === null) return false;
  return !Array.isArray(value) && !(value instanceof JsonNumber);
}

/** Narrows to an array. */
export function isJsonArray(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}
