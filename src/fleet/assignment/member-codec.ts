import { isJsonArray, isJsonObject, type JsonObject, parseJson } from '../../codec/json/json.ts';
import { CodecError } from '../../model/errors.ts';
import type { JsonValue } from '../../model/payload.ts';
import { Partition, Topic } from '../../model/position.ts';
import { shown } from '../../model/shown.ts';
import type { FleetMember, FleetView, PartitionOwner } from '../../ports/fleet-membership.ts';
import type { FleetClaim } from './fleet-claim.ts';
import type { Partitions } from './own-partitions.ts';

/*
 * What members write for each other, as compact JSON:
 *
 *   claim   {"v":1,"id":UUID,"address":URL,"topics":[TOPIC…],"held":{TOPIC:[PARTITION…]},
 *            "left":{TOPIC:[PARTITION…]},"since":GENERATION}
 *   view    {"v":1,"generation":GENERATION,"members":[[UUID,URL]…],
 *            "topics":{TOPIC:{"owners":[MEMBER…],"former":[[PARTITION,MEMBER]…],
 *                             "since":[[PARTITION,GENERATION]…]}}}
 *
 * MEMBER is an index into "members", -1 = no owner; "left" and "former" are left out where nothing
 * moved, and "since" where no generation is known.
 * Readers pass over members that they do not know, so that a later version may add some. A change
 * that they would get wrong needs another "v", which they refuse.
 */

const version = 1;
const nobody = -1;

/** What a member says of itself, as the others read it. */
export function encodeClaim({ member, topics, held, left, heldSince }: FleetClaim): string {
  return JSON.stringify({
    v: version,
    id: member.id,
    address: member.address,
    topics,
    held: Object.fromEntries(held),
    ...(left.size === 0 ? {} : { left: Object.fromEntries(left) }),
    since: heldSince,
  });
}

/** @throws {CodecError} it is no claim, or one of a version that this one cannot read */
export function decodeClaim(text: string): FleetClaim {
  const claim = documentOf(text, 'claim');
  const partitions = (place: Place): Partitions =>
    place.map((listed) => listed.list((partition) => partition.partition()));
  const left = claim.optional('left');
  return {
    member: { id: claim.member('id').text(), address: claim.member('address').text() },
    topics: claim.member('topics').list((topic) => topic.topic()),
    held: partitions(claim.member('held')),
    left: left === undefined ? new Map() : partitions(left),
    heldSince: claim.member('since').count(),
  };
}

/** What the members agreed on, as they read it. */
export function encodeView({ generation, members, topics }: FleetView): string {
  const indexes = new Map(members.map(({ id }, index) => [id, index]));
  const indexOf = (member: FleetMember | undefined): number =>
    (member === undefined ? undefined : indexes.get(member.id)) ?? nobody;
  return JSON.stringify({
    v: version,
    generation,
    members: members.map(({ id, address }) => [id, address]),
    topics: Object.fromEntries(
      [...topics].map(([topic, owners]) => {
        const former = owners.flatMap(({ formerOwner }, partition) =>
          formerOwner === undefined ? [] : [[partition, indexOf(formerOwner)]],
        );
        const since = owners.flatMap((share, at) => (share.since > 0 ? [[at, share.since]] : []));
        const shared = {
          owners: owners.map(({ owner }) => indexOf(owner)),
          ...(former.length === 0 ? {} : { former }),
          ...(since.length === 0 ? {} : { since }),
        };
        return [topic, shared];
      }),
    ),
  });
}

/** @throws {CodecError} it is no view, or one of a version that this one cannot read */
export function decodeView(text: string): FleetView {
  const view = documentOf(text, 'view');
  const members = view.member('members').list((member): FleetMember => {
    const [id, address] = member.list((part) => part.text());
    if (id === undefined || address === undefined) throw member.mustBe('an id and an address');
    return { id, address };
  });
  return {
    generation: view.member('generation').count(),
    members,
    topics: view.member('topics').map((topic) => ownersOf(topic, members)),
  };
}

function ownersOf(topic: Place, members: readonly FleetMember[]): readonly PartitionOwner[] {
  const memberOf = (place: Place): FleetMember => {
    const found = members[place.count()];
    if (found === undefined) throw place.mustBe(`below ${members.length}, the count of members`);
    return found;
  };
  const former = byPartition(topic, 'former', 'a member');
  const since = byPartition(topic, 'since', 'a generation');
  return topic.member('owners').list((owner, partition) => {
    const formerOwner = former.get(partition);
    return {
      owner: owner.value === nobody ? undefined : memberOf(owner),
      formerOwner: formerOwner && memberOf(formerOwner),
      since: since.get(partition)?.count() ?? 0,
    };
  });
}

/** A list of pairs; where it is left out, no partition has one. */
function byPartition(topic: Place, name: string, what: string): ReadonlyMap<number, Place> {
  const found = new Map<number, Place>();
  for (const pair of topic.optional(name)?.list((entry) => entry.list((part) => part)) ?? []) {
    const [partition, value] = pair;
    if (partition === undefined || value === undefined) {
      throw topic.member(name).mustBe(`pairs of a partition and ${what}`);
    }
    found.set(partition.partition(), value);
  }
  return found;
}

function documentOf(text: string, what: string): Place {
  let value: JsonValue;
  try {
    value = parseJson(text);
  } catch (cause) {
    throw new CodecError(`the ${what} of a member of the fleet is no JSON`, { cause });
  }
  const document = new Place(value, what);
  const found = document.member('v').count();
  if (found !== version) {
    const text = `${what}.v is ${found}: another instance of the fleet has a version of the library`;
    throw new CodecError(`${text} that this one (v ${version}) cannot read; update this one`);
  }
  return document;
}

/** A value of a document, and its path for messages. */
class Place {
  readonly value: JsonValue | undefined;
  readonly #path: string;

  constructor(value: JsonValue | undefined, path: string) {
    this.value = value;
    this.#path = path;
  }

  mustBe(what: string): CodecError {
    return new CodecError(`${this.#path} must be ${what}, not ${shown(this.value)}`);
  }

  optional(name: string): Place | undefined {
    const member = new Place(this.#object()[name], `${this.#path}.${name}`);
    return member.value === undefined ? undefined : member;
  }

  member(name: string): Place {
    return this.optional(name) ?? new Place(undefined, `${this.#path}.${name}`);
  }

  text(): string {
    if (typeof this.value !== 'string') throw this.mustBe('a text');
    return this.value;
  }

  count(): number {
    const { value } = this;
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
      throw this.mustBe('an integer of at least 0');
    }
    return value;
  }

  partition(): Partition {
    return this.#checked(() => Partition.of(this.count()));
  }

  topic(): Topic {
    return this.#checked(() => Topic.of(this.text()));
  }

  list<T>(read: (item: Place, index: number) => T): T[] {
    if (!isJsonArray(this.value)) throw this.mustBe('a list');
    return this.value.map((item, index) => read(new Place(item, `${this.#path}[${index}]`), index));
  }

  /** By topic. */
  map<T>(read: (item: Place) => T): ReadonlyMap<Topic, T> {
    const entries = Object.entries(this.#object());
    return new Map(
      entries.map(([name, value]) => {
        const place = `${this.#path}.${name}`;
        return [new Place(name, place).topic(), read(new Place(value, place))];
      }),
    );
  }

  #checked<T>(read: () => T): T {
    try {
      return read();
    } catch (cause) {
      if (cause instanceof CodecError) throw cause;
      throw new CodecError(`${this.#path} is wrong`, { cause });
    }
  }

  #object(): JsonObject {
    if (!isJsonObject(this.value)) throw this.mustBe('an object');
    return this.value;
  }
}
