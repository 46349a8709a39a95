import { isDeepStrictEqual } from 'node:util';
import type { EventObject } from 'xstate';
import { InvalidInputError } from '../../model/errors.ts';

/** What of a state has to follow from the events alone. */
const members = ['status', 'value', 'context', 'output'] as const;

/**
 * The state that an event leads to must be the same each time: the live actor, and every recovery,
 * compute it anew.
 *
 * @throws {InvalidInputError} they differ; names the place
 */
export function checkSame(event: EventObject, first: unknown, second: unknown): void {
  for (const name of members) {
    const at = differenceOf(memberOf(first, name), memberOf(second, name), name);
    if (at === undefined) continue;
    const text = `"${event.type}" leads to another state when it is applied again, at ${at}`;
    const advice = 'time, random numbers and ids belong into the event';
    throw new InvalidInputError(`${text}: ${advice} (check-determinism)`, { path: at });
  }
}

/** Members without value are as good as none. */
export function isSame(a: unknown, b: unknown): boolean {
  return differenceOf(a, b, '') === undefined;
}

/** Where two values differ first; `undefined` = nowhere. */
function differenceOf(a: unknown, b: unknown, at: string): string | undefined {
  if (Object.is(a, b)) return undefined;
  if (!isObject(a) || !isObject(b)) return at;
  // A child has one reference in the dry run and another one in the actor, each with an id of its
  // own.
  if (isActor(a) && isActor(b)) return undefined;
  const [left, right] = [membersOf(a), membersOf(b)];
  if (left === undefined || right === undefined) return isDeepStrictEqual(a, b) ? undefined : at;
  for (const name of new Set([...Object.keys(left), ...Object.keys(right)])) {
    const inner = Array.isArray(left) ? `${at}[${name}]` : `${at}.${name}`;
    const difference = differenceOf(left[name], right[name], inner);
    if (difference !== undefined) return difference;
  }
  return undefined;
}

/** What may hold actors; `undefined` for other objects, which are compared as a whole. */
function membersOf(value: object): Readonly<Record<string, unknown>> | undefined {
  const isCollection = value instanceof Map || value instanceof Set;
  const members: unknown = isCollection ? [...value] : isPlain(value) ? value : undefined;
  return members as Readonly<Record<string, unknown>> | undefined;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function isActor(value: object): boolean {
  return 'sessionId' in value && 'send' in value;
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return Array.isArray(value) || prototype === Object.prototype || prototype === null;
}

function memberOf(state: unknown, name: string): unknown {
  return (state as Readonly<Record<string, unknown>> | undefined)?.[name];
}
