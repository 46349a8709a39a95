import { WriteRejectedError } from '../model/errors.ts';
import type { JsonValue } from '../model/payload.ts';
import { JsonNumber } from '../model/payload.ts';
import { printNumber } from './json-number.ts';
import { setMember } from './json-reader.ts';
import { hasKeptOrder } from './member-order.ts';

/** Levels that an actor's event may have; the envelopes around it take the rest of `maxDepth`. */
const maxValueDepth = 1200;

/**
 * The JSON form of a program's value: the value itself when JSON holds it without loss, else a copy
 * with dates as ISO texts. Members whose value is `undefined` vanish.
 *
 * @throws {WriteRejectedError} when JSON would lose something; `path` says where (`$.items[2]`)
 */
export function toJsonValue(value: unknown): JsonValue {
  return isPlainJson(value, maxValueDepth) ? value : copy(value, { path: '$', ancestors: [] });
}

/**
 * Whether `JSON.stringify` keeps the value as it is, of at most `levels` levels: no `JsonNumber`,
 * no date, no order of members that was read, nothing that it would drop or change but members
 * without value. One cheap walk.
 */
export function isPlainJson(value: unknown, levels: number): value is JsonValue {
  if (typeof value === 'object') {
    return value === null || (levels > 0 && hasPlainMembers(value, levels - 1));
  }
  if (typeof value === 'number') return Number.isFinite(value);
  return typeof value === 'string' || typeof value === 'boolean';
}

/** An object literal, of this or another realm, or one without prototype. */
export function isPlainObject(value: object): boolean {
  const prototype: object | null = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return true;
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'hasOwnProperty');
}

/** The name of what made the object, for messages. */
export function className(value: object): string {
  const maker: unknown = value.constructor;
  return typeof maker === 'function' && maker.name !== '' ? maker.name : 'a class';
}

function hasPlainMembers(value: object, levels: number): boolean {
  if (Array.isArray(value)) {
    for (const item of value) if (!isPlainJson(item, levels)) return false;
    return true;
  }
  if (!isPlainObject(value) || hasKeptOrder(value)) return false;
  const members = value as Record<string, unknown>;
  for (const name in members) {
    const member = members[name];
    if (member !== undefined && !isPlainJson(member, levels)) return false;
  }
  return true;
}

interface Place {
  readonly path: string;
  readonly ancestors: readonly object[];
}

function copy(value: unknown, place: Place): JsonValue {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return value;
  if (typeof value === 'number') return finite(value, place);
  if (typeof value !== 'object') throw refuse(`a value of type ${typeof value}`, place.path);
  if (value instanceof Date) return isoText(value, place);
  if (value instanceof JsonNumber) return jsonNumber(value, place);
  return copyContainer(value, place);
}

function copyContainer(value: object, { path, ancestors: above }: Place): JsonValue {
  if (above.includes(value)) throw refuse('a circular reference', path);
  if (above.length >= maxValueDepth) throw refuse(`more than ${maxValueDepth} levels`, path);
  const ancestors = [...above, value];
  if (Array.isArray(value)) return copyItems(value, { path, ancestors });
  if (!isPlainObject(value)) throw refuse(`an instance of ${className(value)}`, path);
  return copyMembers(value, { path, ancestors });
}

function copyItems(items: readonly unknown[], { path, ancestors }: Place): JsonValue {
  // Array.from visits holes, which map would pass by.
  return Array.from(items, (item, index) => copy(item, { path: `${path}[${index}]`, ancestors }));
}

function copyMembers(members: object, { path, ancestors }: Place): JsonValue {
  const result: Record<string, JsonValue> = {};
  for (const [name, member] of Object.entries(members)) {
    if (member === undefined) continue;
    setMember(result, name, copy(member, { path: path + memberPath(name), ancestors }));
  }
  return result;
}

function finite(value: number, place: Place): number {
  if (Number.isFinite(value)) return value;
  throw refuse(String(value), place.path);
}

function isoText(date: Date, place: Place): string {
  if (Number.isNaN(date.getTime())) throw refuse('an invalid date', place.path);
  return date.toISOString();
}

function jsonNumber(value: JsonNumber, place: Place): JsonNumber {
  try {
    printNumber(value);
    return value;
  } catch {
    throw refuse('a malformed JsonNumber', place.path);
  }
}

function memberPath(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
}

function refuse(what: string, path: string): WriteRejectedError {
  return new WriteRejectedError(`JSON cannot hold ${what} at ${path}`, { path });
}
