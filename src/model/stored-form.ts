import { ignoreOutcome } from './at-once.ts';
import { WriteRejectedError } from './errors.ts';

/** Levels that a value may have; the envelopes around it take the rest of what the codec reads. */
const maxDepth = 1200;

/**
 * The value as it will come back from the journal: a copy of plain objects, arrays, texts, numbers,
 * booleans and null. Members that are `undefined` are left out, and -0 becomes 0, as in its JSON.
 * It is always a copy, so a getter, a proxy or a later change by the caller cannot make the value
 * that is applied differ from the value that is stored (ADR 8).
 *
 * @throws {WriteRejectedError} when JSON would not give the value back equal; `path` says where
 * (`event.items[2]`, where `name` is `event`)
 */
export function storedForm<T>(value: T, name = 'event'): T {
  try {
    return copy(value, maxDepth) as T;
  } catch (error) {
    // The copy keeps no path, since it is made for every event. The search for the place may call
    // a getter again, so it may find nothing.
    const fault = faultOf(value, name) ?? error;
    const text = `a value cannot be stored: it cannot be read at ${name}`;
    throw fault instanceof WriteRejectedError
      ? fault
      : new WriteRejectedError(text, { cause: fault, path: name });
  }
}

/**
 * An object in its stored form, and its JSON as it was at that moment. Nothing has to look at the
 * object again to store it: what the program does with the object later changes no text. A class,
 * so that no caller's object passes for one.
 */
export class StoredForm<T extends object> {
  readonly value: T;
  /**
   * As `JSON.stringify` spells it, which is not everywhere how the journal does. `undefined` when
   * it is longer than a text can be.
   */
  readonly json: string | undefined;

  /** @throws {WriteRejectedError} as `storedForm` */
  constructor(given: T, name?: string) {
    this.value = storedForm(given, name);
    this.json = jsonOf(this.value);
  }
}

function jsonOf(value: object): string | undefined {
  try {
    return JSON.stringify(value);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** An object literal, of this or another realm, or one without prototype. */
export function isPlainObject(value: object): boolean {
  const prototype: object | null = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return true;
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'hasOwnProperty');
}

/** An array of this or another realm, without members beside its items and its length. */
export function isPlainArray(items: readonly unknown[]): boolean {
  const prototype: unknown = Object.getPrototypeOf(items);
  const isOriginal =
    prototype === Array.prototype ||
    (Array.isArray(prototype) && isPlainObject(Object.create(Object.getPrototypeOf(prototype))));
  return isOriginal && Reflect.ownKeys(items).length <= items.length + 1;
}

/** JSON would leave out such members. */
export function hasSymbols(value: object): boolean {
  return Object.getOwnPropertySymbols(value).length > 0;
}

/** The name of what made the object, for messages; asking a proxy may throw. */
export function className(value: object): string {
  const maker: unknown = value.constructor;
  return typeof maker === 'function' && maker.name !== '' ? maker.name : 'a class';
}

/** Sets a member as JSON means it: `__proto__` is a name like any other. */
export function setMember<V>(target: Record<string, V>, name: string, value: V): void {
  if (name !== '__proto__') {
    target[name] = value;
    return;
  }
  const attributes = { value, writable: true, enumerable: true, configurable: true };
  Object.defineProperty(target, name, attributes);
}

function copy(value: unknown, levels: number): unknown {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return value;
  if (typeof value === 'number') {
    if (Number.isFinite(value)) return value + 0 === 0 ? 0 : value;
    throw refused(value, '');
  }
  if (typeof value !== 'object' || levels === 0) throw refused(value, '');
  return Array.isArray(value) ? copyItems(value, levels - 1) : copyMembers(value, levels - 1);
}

function copyMembers(value: object, levels: number): object {
  if (!isPlainObject(value) || hasSymbols(value)) throw refused(value, '');
  const members: Record<string, unknown> = {};
  for (const name of Object.keys(value)) {
    const member = (value as Record<string, unknown>)[name];
    if (member !== undefined) setMember(members, name, copy(member, levels));
  }
  return members;
}

function copyItems(items: readonly unknown[], levels: number): unknown[] {
  if (!isPlainArray(items)) throw refused(items, '');
  const copied: unknown[] = [];
  // A hole reads as `undefined`, which is refused.
  for (let i = 0; i < items.length; i++) copied.push(copy(items[i], levels));
  return copied;
}

interface Visit {
  readonly path: string;
  readonly ancestors: readonly object[];
}

/** What the search for the place throws, be it of a getter; `undefined` = it found nothing. */
function faultOf(value: unknown, path: string): unknown {
  try {
    findFault(value, { path, ancestors: [] });
    return undefined;
  } catch (fault) {
    return fault;
  }
}

/** @throws {WriteRejectedError} naming the first place that JSON cannot hold */
function findFault(value: unknown, { path, ancestors: above }: Visit): void {
  if (typeof value === 'number' && !Number.isFinite(value)) throw refused(value, path);
  if (typeof value !== 'object') {
    if (['string', 'boolean', 'number'].includes(typeof value)) return;
    throw refused(value, path);
  }
  if (value === null) return;
  if (above.includes(value)) throw refusal('a circular reference', path);
  if (above.length >= maxDepth) throw refusal(`more than ${maxDepth} levels`, path);
  findFaultWithin(value, { path, ancestors: [...above, value] });
}

function findFaultWithin(value: object, { path, ancestors }: Visit): void {
  if (Array.isArray(value)) {
    if (!isPlainArray(value)) throw refusal('an array with more than its items', path);
    // Array.from visits holes, which forEach would pass by.
    Array.from(value, (item, index) => findFault(item, { path: `${path}[${index}]`, ancestors }));
    return;
  }
  if (!isPlainObject(value)) throw refused(value, path);
  if (hasSymbols(value)) throw refusal('a member whose name is a symbol', path);
  for (const [name, member] of Object.entries(value)) {
    if (member === undefined) continue;
    const at = /^[A-Za-z_$][\w$]*$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
    findFault(member, { path: path + at, ancestors });
  }
}

function refused(value: unknown, path: string): WriteRejectedError {
  ignoreOutcome(value); // somebody has forgotten to await it
  if (typeof value === 'number') return refusal(String(value), path);
  if (typeof value === 'object' && value !== null) {
    return refusal(`an instance of ${className(value)}`, path);
  }
  return refusal(value === undefined ? 'undefined' : `a value of type ${typeof value}`, path);
}

function refusal(what: string, path: string): WriteRejectedError {
  return new WriteRejectedError(`JSON cannot hold ${what} at ${path}`, { path });
}
