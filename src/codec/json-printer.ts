import { InvalidInputError } from '../model/errors.ts';
import type { JsonValue } from '../model/payload.ts';
import { JsonNumber } from '../model/payload.ts';
import { printNumber } from './json-number.ts';
import { className, isPlainObject } from './json-of-value.ts';
import { maxDepth } from './json-text.ts';
import { namesOf } from './member-order.ts';

/**
 * Prints what `JSON.stringify` would print otherwise than the JVM: wide numbers, members in the
 * order in which they were read, DEL, lone surrogates (left raw here; the document as a whole
 * decides how they are escaped).
 *
 * @throws {InvalidInputError} when JSON cannot hold the value
 */
export function printValue(value: JsonValue, depth = 0): string {
  if (typeof value === 'string') return printString(value);
  if (typeof value === 'number') return printNumber(value);
  if (typeof value === 'object') return printObject(value, depth);
  if (typeof value === 'boolean') return String(value);
  throw new InvalidInputError(`JSON cannot hold a value of type ${typeof value}`);
}

/** A JSON string as the JVM writes it, lone surrogates left raw. */
export function printString(text: string): string {
  const quoted = text.isWellFormed()
    ? JSON.stringify(text)
    : text.split(surrogates).map(quoteRun).join('');
  return text.includes('\x7f') ? quoted.replaceAll('\x7f', '\\u007f') : quoted;
}

const surrogates = /([\ud800-\udfff]+)/;

/** Runs alternate: ordinary text, surrogates, ordinary text; the outer two bring the quotes. */
function quoteRun(run: string, index: number, runs: readonly string[]): string {
  if (index % 2 === 1) return run;
  const quoted = JSON.stringify(run);
  return quoted.slice(index === 0 ? 0 : 1, index === runs.length - 1 ? undefined : -1);
}

function printObject(value: Extract<JsonValue, object> | null, depth: number): string {
  if (value === null) return 'null';
  if (value instanceof JsonNumber) return printNumber(value);
  if (depth >= maxDepth) {
    throw new InvalidInputError(`a value is nested deeper than ${maxDepth} levels, or circular`);
  }
  if (isArray(value)) return `[${value.map((item) => printValue(item, depth + 1)).join(',')}]`;
  if (!isPlainObject(value)) {
    throw new InvalidInputError(`JSON cannot hold an instance of ${className(value)}`);
  }
  const members: string[] = [];
  for (const name of namesOf(value)) {
    const member = (value as Record<string, JsonValue | undefined>)[name];
    // As in JSON.stringify: a member without value is no member.
    if (member === undefined) continue;
    members.push(`${printString(name)}:${printValue(member, depth + 1)}`);
  }
  return `{${members.join(',')}}`;
}

/** `Array.isArray` does not narrow readonly arrays. */
function isArray(value: object): value is readonly JsonValue[] {
  return Array.isArray(value);
}
