import { CodecError, WriteRejectedError } from '../../model/errors.ts';
import { readArray, readObject } from '../../model/plain-members.ts';
import { hasSymbols, isPlainArray, setMember } from '../../model/stored-form.ts';
import { errorToStored, RemoteError } from './stored-event.ts';

/**
 * What stands for an object that only the caller knows, such as an actor; `undefined` = it is not
 * one of those.
 *
 * @throws {WriteRejectedError} nothing can stand for it
 */
export type Stand = (value: object, path: string) => unknown;

/** The object again that something stands for. */
export type Standing = (stand: unknown) => unknown;

/** An object with this one member is not an object of the program, but says what it was. */
const tag = '$';

/** Levels that a value may have. */
const maxDepth = 1000;

/**
 * The value as JSON that gives it back equal. Beside what JSON has, it may hold `undefined`,
 * every number and bigint, Dates, Maps, Sets, and the errors of children; what else the program
 * computes is refused. Of a state, that is more than an event may hold (ADR 8): nobody checks the
 * data of a machine when an event is applied.
 *
 * @param path the name of the value, for messages
 * @throws {WriteRejectedError} names the place that JSON cannot hold
 */
export function toLossless(value: unknown, path: string, stand: Stand = () => undefined): unknown {
  return new Encoder(stand).encode(value, path, 0);
}

/** @throws {CodecError} it is not what `toLossless` gave */
export function fromLossless(stored: unknown, standing: Standing = unknownStand): unknown {
  if (typeof stored !== 'object' || stored === null) return stored;
  if (Array.isArray(stored)) return stored.map((item) => fromLossless(item, standing));
  const members = stored as Readonly<Record<string, unknown>>;
  if (Object.hasOwn(members, tag)) return untag(readArray(members[tag], tag), standing);
  const value: Record<string, unknown> = {};
  for (const name of Object.keys(members)) {
    setMember(value, name, fromLossless(members[name], standing));
  }
  return value;
}

class Encoder {
  readonly #stand: Stand;

  constructor(stand: Stand) {
    this.#stand = stand;
  }

  encode(value: unknown, path: string, depth: number): unknown {
    switch (typeof value) {
      case 'string':
      case 'boolean':
        return value;
      case 'number':
        return numberForm(value);
      case 'undefined':
        return { [tag]: ['undefined'] };
      case 'bigint':
        return { [tag]: ['bigint', String(value)] };
      case 'object':
        // A reference of an object to itself ends here as well.
        if (depth > maxDepth) throw refusal(`more than ${maxDepth} levels`, path);
        return value === null ? null : this.#object(value, path, depth + 1);
      case 'function':
      case 'symbol':
        throw refusal(`a value of type ${typeof value}`, path);
    }
  }

  #object(value: object, path: string, depth: number): unknown {
    const stand = this.#stand(value, path);
    if (stand !== undefined) return { [tag]: ['stand', stand] };
    if (Array.isArray(value)) return this.#items(value, path, depth);
    if (value instanceof RemoteError) return { [tag]: ['error', errorToStored(value)] };
    // An instance of a derived class would come back as one of its base class: it is refused below.
    switch (Object.getPrototypeOf(value)) {
      case Date.prototype:
        return { [tag]: ['date', this.encode((value as Date).getTime(), path, depth)] };
      case Map.prototype:
        return { [tag]: ['map', this.#items([...(value as Map<unknown, unknown>)], path, depth)] };
      case Set.prototype:
        return { [tag]: ['set', this.#items([...(value as Set<unknown>)], path, depth)] };
      default:
        return this.#members(value, path, depth);
    }
  }

  #members(value: object, path: string, depth: number): unknown {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) {
      throw refusal(`an instance of ${value.constructor?.name ?? 'a class'}`, path);
    }
    if (hasSymbols(value)) {
      throw refusal('a member whose name is a symbol', path);
    }
    const members: Record<string, unknown> = {};
    for (const [name, member] of Object.entries(value)) {
      setMember(members, name, this.encode(member, `${path}.${name}`, depth));
    }
    return Object.hasOwn(members, tag) ? { [tag]: ['object', Object.entries(members)] } : members;
  }

  #items(items: readonly unknown[], path: string, depth: number): readonly unknown[] {
    if (!isPlainArray(items)) throw refusal('an array with more than its items', path);
    return Array.from(items, (item, i) => this.encode(item, `${path}[${i}]`, depth));
  }
}

/** JSON has neither -0 nor what is not finite. */
function numberForm(value: number): unknown {
  if (Object.is(value, -0)) return { [tag]: ['number', '-0'] };
  return Number.isFinite(value) ? value : { [tag]: ['number', String(value)] };
}

function untag([kind, value]: readonly unknown[], standing: Standing): unknown {
  switch (kind) {
    case 'undefined':
      return undefined;
    case 'number':
      return Number(value);
    case 'bigint':
      return BigInt(String(value));
    case 'date':
      return new Date(Number(fromLossless(value)));
    case 'error': {
      const { name, message, ...rest } = readObject(value, 'error');
      return new RemoteError({ ...rest, name: String(name), message: String(message) });
    }
    case 'map':
      return new Map(pairs(value, standing));
    case 'set':
      return new Set(readArray(fromLossless(value, standing), 'set'));
    case 'object':
      return Object.fromEntries(pairs(value, standing) as [string, unknown][]);
    case 'stand':
      return standing(value);
    default:
      throw new CodecError(`a snapshot holds a value of the unknown kind ${JSON.stringify(kind)}`);
  }
}

function pairs(value: unknown, standing: Standing): readonly (readonly [unknown, unknown])[] {
  return readArray(value, 'pairs').map((pair) => {
    const [key, item] = readArray(pair, 'pair');
    return [fromLossless(key, standing), fromLossless(item, standing)];
  });
}

function unknownStand(): never {
  throw new CodecError('a snapshot holds an actor where there is none');
}

/** The error for a place that a snapshot cannot hold. */
export function refusal(what: string, path: string): WriteRejectedError {
  return new WriteRejectedError(`a snapshot cannot hold ${what} at ${path}`, { path });
}
