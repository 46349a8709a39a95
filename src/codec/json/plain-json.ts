import type { JsonValue } from '../../model/payload.ts';
import { JsonNumber } from '../../model/payload.ts';
import { setMember } from '../../model/stored-form.ts';
import { holdsMoreThanPlain, readJsonText } from './json-reader.ts';
import { hasEscapedName } from './json-text.ts';

/**
 * `JSON.parse`, without its fault at names with escapes ({@link hasEscapedName}).
 *
 * @throws {SyntaxError} `CodecError` the text is no JSON
 */
export function parsePlainJson(text: string): unknown {
  return hasEscapedName(text) ? toPlain(readJsonText(text)) : JSON.parse(text);
}

/**
 * The same value as ordinary objects with ordinary numbers, each the nearest to its `JsonNumber`:
 * what actors receive. Gives the value itself when it is that already. Expects a value from
 * `parseJson`.
 */
export function toPlain(value: JsonValue): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof JsonNumber) return Number(value.text);
  if (!holdsMoreThanPlain(value)) return value;
  if (Array.isArray(value)) return value.map(toPlain);
  const copy: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value as Readonly<Record<string, JsonValue>>)) {
    setMember(copy, name, toPlain(member));
  }
  return copy;
}
