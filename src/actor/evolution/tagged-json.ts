import { InvalidInputError } from '../../model/errors.ts';
import { hasSymbols, isPlainArray, isPlainObject, setMember } from '../../model/stored-form.ts';
import type { JsonCodec } from './event-serializer.ts';

/**
 * JSON that also holds dates, bigints, maps, sets and bytes, each as an object with one member
 * whose name begins with `$` (docs/format.md#tagged-json). Anything else that JSON cannot hold is
 * refused as ever. A plain object that looks like a tagged value is wrapped, so nothing is taken
 * for what it is not.
 */
export const taggedJson: JsonCodec = {
  name: 'tagged',
  toJson: (value) => tag(value, 'event', 0),
  fromJson: untag,
};

/** As of values without tags; the tags of nested maps take two levels each. */
const maxDepth = 500;

function tag(value: unknown, path: string, depth: number): unknown {
  if (typeof value === 'bigint') return { $bigint: String(value) };
  if (typeof value !== 'object' || value === null) return value;
  if (depth > maxDepth) throw refused(`more than ${maxDepth} levels`, path);
  const inner: Inner = (item, key) =>
    tag(item, typeof key === 'number' ? `${path}[${key}]` : `${path}.${key}`, depth + 1);
  if (Array.isArray(value) && isPlainArray(value)) {
    return Array.from(value, (item, i) => inner(item, i));
  }
  const tagged = tagBuiltIn(value, path, inner);
  if (tagged !== undefined) return tagged;
  // What is refused is refused with its place by whoever stores the JSON.
  return isPlainObject(value) && !hasSymbols(value) ? tagMembers(value, inner) : value;
}

type Inner = (item: unknown, key: string | number) => unknown;

/** `undefined` for others: an instance of a derived class would come back as something else. */
function tagBuiltIn(value: object, path: string, inner: Inner): object | undefined {
  switch (Object.getPrototypeOf(value)) {
    case Date.prototype: {
      const date = value as Date;
      if (Number.isNaN(date.getTime())) throw refused('an invalid date', path);
      return { $date: date.toISOString() };
    }
    case Map.prototype: {
      const entries = [...(value as Map<unknown, unknown>)];
      return { $map: entries.map(([key, item], i) => [inner(key, i), inner(item, i)]) };
    }
    case Set.prototype:
      return { $set: [...(value as Set<unknown>)].map((item, i) => inner(item, i)) };
    case Uint8Array.prototype:
    case Buffer.prototype: {
      const { buffer, byteOffset, byteLength } = value as Uint8Array;
      return { $bytes: Buffer.from(buffer, byteOffset, byteLength).toString('base64') };
    }
    default:
      return undefined;
  }
}

function tagMembers(value: object, inner: Inner): object {
  const members: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value)) {
    // JSON leaves it out: what is left may look like a tag.
    if (member !== undefined) setMember(members, name, inner(member, name));
  }
  return looksTagged(members) ? { $plain: members } : members;
}

function refused(what: string, path: string): InvalidInputError {
  return new InvalidInputError(`JSON with tags cannot hold ${what} at ${path}`, { path });
}

function looksTagged(members: object): boolean {
  const names = Object.keys(members);
  return names.length === 1 && names[0]?.startsWith('$') === true;
}

function untag(json: unknown): unknown {
  if (typeof json !== 'object' || json === null) return json;
  if (Array.isArray(json)) return json.map(untag);
  if (looksTagged(json)) return untagValue(json as Tagged);
  return untagMembers(json);
}

interface Tagged {
  readonly $date?: string;
  readonly $bigint?: string;
  readonly $map?: readonly (readonly [unknown, unknown])[];
  readonly $set?: readonly unknown[];
  readonly $bytes?: string;
  readonly $plain?: object;
}

function untagValue(tagged: Tagged): unknown {
  const { $date, $bigint, $map, $set, $bytes, $plain } = tagged;
  if ($date !== undefined) return new Date($date);
  if ($bigint !== undefined) return BigInt($bigint);
  if ($map !== undefined) return new Map($map.map(([key, item]) => [untag(key), untag(item)]));
  if ($set !== undefined) return new Set($set.map(untag));
  if ($bytes !== undefined) return Uint8Array.from(Buffer.from($bytes, 'base64'));
  if ($plain !== undefined) return untagMembers($plain);
  throw new Error(`the tag "${Object.keys(tagged)[0]}" is not known here`);
}

function untagMembers(json: object): object {
  const members: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(json)) setMember(members, name, untag(member));
  return members;
}
