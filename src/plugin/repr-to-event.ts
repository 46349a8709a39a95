import type { JsonObject } from '../codec/json/json.ts';
import { toPlain } from '../codec/json/plain-json.ts';
import { inScalaSetOrder } from '../codec/record/tags.ts';
import { CodecError, InvalidInputError, WriteRejectedError } from '../model/errors.ts';
import type { EventRecord, PrintedEvent } from '../model/event.ts';
import type { JsonValue } from '../model/payload.ts';
import type { HeaderMetadata } from '../model/record-metadata.ts';
import { shown } from '../model/shown.ts';
import { writtenTags } from '../model/written-event.ts';
import {
  type CommandFact,
  type DeliveryFact,
  EventFacts,
  type PersistenceId,
  type PersistentRepr,
} from '../ports/journal-plugin.ts';
import {
  decodePersistentRepr,
  encodePersistentRepr,
  type PersistentEnvelope,
} from './persistent-repr.ts';

/*
 * An event as an actor's plugin has it, a `PersistentRepr`, becomes one of a journal, an `Event`,
 * and back. The envelope of persistent-repr.ts has room for payload, manifest and writer; the facts
 * go into the header of the record.
 */

/**
 * The event as it is written, its payload printed: what is changed later changes nothing any more.
 *
 * @throws {WriteRejectedError} the event cannot be stored; names its number and JSON path
 */
export function toEvent(repr: PersistentRepr): PrintedEvent {
  try {
    const { seqNr, facts } = repr;
    if (facts.timer !== undefined && typeof facts.timer !== 'string') {
      throw new InvalidInputError(`the id of its timer must be a text, not ${shown(facts.timer)}`);
    }
    const tags = writtenTags(repr.tags, 'tags');
    return { seqNr, tags: inScalaSetOrder(tags), payload: encodePersistentRepr(repr) };
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    const { message, path, cause } = error;
    throw new WriteRejectedError(
      `event ${repr.seqNr} of "${repr.persistenceId}" cannot be stored: ${message}`,
      { cause, ...(path === undefined ? {} : { path }) },
    );
  }
}

/**
 * @throws {CodecError} the stored payload is none that persistent actors write; names its place
 */
export function ofEventRecord(id: PersistenceId, { event, record }: EventRecord): PersistentRepr {
  const place = { ...record.at, id, seqNr: event.seqNr };
  if (event.payload === undefined) throw new CodecError('the event has no payload', { place });
  let envelope: PersistentEnvelope;
  try {
    envelope = decodePersistentRepr(event.payload);
  } catch (cause) {
    throw new CodecError('the event is none that a persistent actor wrote', { cause, place });
  }
  return {
    persistenceId: id,
    seqNr: event.seqNr,
    payload: envelope.payload,
    manifest: envelope.manifest,
    writerUuid: envelope.writerUuid,
    timestampMs: record.timestampMs,
    tags: event.tags,
    facts: factsOf(record.metadata.header, event.seqNr),
  };
}

/**
 * What the events of a record say beside their payloads, kept in the record header since the
 * envelope has no room for it (ADR 23). `undefined` when none of them says anything:
 *
 * `{"timers":{"<seqNr>":"<timer id>"},"delays":{"<seqNr>":[<ms>]},"still":{"<seqNr>":<ms>},`
 * `"unhandled":[<seqNr>],"replaced":[<seqNr>],"commands":{"<last seqNr>":{…}},`
 * `"deliveries":{"<seqNr>":[{…}]},"confirmed":{"<seqNr>":[<id>]},`
 * `"encodings":{"<seqNr>":"<codec>"},"machineVersion":"<version>","bornWith":"<version>"}`
 *
 * The last two are the same for all events of a record, since one actor writes it.
 */
export function factsMetadata(reprs: readonly PersistentRepr[]): HeaderMetadata {
  if (reprs.every(({ facts }) => facts === EventFacts.none)) return {};
  const unhandled = seqNrsOf(reprs, (facts) => facts.unhandled === true);
  const replaced = seqNrsOf(reprs, (facts) => facts.replaced === true);
  const commands = commandsOf(reprs);
  const encodings = membersOf(reprs, ({ encoding }) => encoding);
  const { machineVersion, bornWith } = reprs[0]?.facts ?? EventFacts.none;
  const data = {
    ...timersOf(reprs),
    ...(unhandled && { unhandled }),
    ...(replaced && { replaced }),
    ...(commands && { commands }),
    ...outboxOf(reprs),
    ...(encodings && { encodings }),
    ...(machineVersion !== undefined && { machineVersion }),
    ...(bornWith !== undefined && { bornWith }),
  };
  return Object.keys(data).length === 0 ? {} : { data };
}

function timersOf(reprs: readonly PersistentRepr[]): JsonObject {
  const timers = membersOf(reprs, ({ timer }) => timer);
  const delays = membersOf(reprs, ({ delaysMs }) => delaysMs);
  const still = membersOf(reprs, ({ stillMs }) => stillMs);
  return { ...(timers && { timers }), ...(delays && { delays }), ...(still && { still }) };
}

function outboxOf(reprs: readonly PersistentRepr[]): JsonObject {
  const deliveries = membersOf(reprs, (facts) => facts.deliveries as JsonValue | undefined);
  const confirmed = membersOf(reprs, (facts) => facts.confirmed);
  return { ...(deliveries && { deliveries }), ...(confirmed && { confirmed }) };
}

/**
 * `{"id":S?,"count":N?,"reply":ANY?,"sealed":S?,"correlationId":S?,"causationId":S?}`; `count`
 * absent = 1.
 */
function commandsOf(reprs: readonly PersistentRepr[]): JsonObject | undefined {
  const commands: Record<string, JsonValue> = {};
  for (const { facts } of reprs) {
    if (facts.command === undefined) continue;
    const { first, last, commandId, ...rest } = facts.command;
    const count = last - first + 1;
    commands[last] = {
      ...(commandId !== undefined && { id: commandId }),
      ...(count > 1 && { count }),
      ...(rest as JsonObject),
    };
  }
  return Object.keys(commands).length === 0 ? undefined : commands;
}

function membersOf<T>(
  reprs: readonly PersistentRepr[],
  of: (facts: EventFacts) => T | undefined,
): Record<string, T> | undefined {
  const members: Record<string, T> = {};
  for (const { seqNr, facts } of reprs) {
    const value = of(facts);
    if (value !== undefined) members[seqNr] = value;
  }
  return Object.keys(members).length === 0 ? undefined : members;
}

function seqNrsOf(
  reprs: readonly PersistentRepr[],
  is: (facts: EventFacts) => boolean,
): readonly number[] | undefined {
  const seqNrs = reprs.filter(({ facts }) => is(facts)).map(({ seqNr }) => seqNr);
  return seqNrs.length === 0 ? undefined : seqNrs;
}

/** Anything of another shape is another application's metadata, and says nothing. */
function factsOf({ data }: HeaderMetadata, seqNr: number): EventFacts {
  if (data === undefined) return EventFacts.none;
  const plain = toPlain(data);
  const encoding = fieldOf(fieldOf(plain, 'encodings'), String(seqNr));
  const deliveries = fieldOf(fieldOf(plain, 'deliveries'), String(seqNr));
  const confirmed = fieldOf(fieldOf(plain, 'confirmed'), String(seqNr));
  const [machineVersion, bornWith] = [fieldOf(plain, 'machineVersion'), fieldOf(plain, 'bornWith')];
  return {
    ...timersAt(plain, String(seqNr)),
    ...(isListed(fieldOf(plain, 'unhandled'), seqNr) && { unhandled: true }),
    ...(isListed(fieldOf(plain, 'replaced'), seqNr) && { replaced: true }),
    ...(isList(deliveries, isDelivery) && { deliveries }),
    ...(isList(confirmed, isText) && { confirmed }),
    ...(typeof encoding === 'string' && { encoding }),
    ...(typeof machineVersion === 'string' && { machineVersion }),
    ...((typeof bornWith === 'string' || bornWith === null) && { bornWith }),
    ...commandAt(fieldOf(plain, 'commands'), seqNr),
  };
}

function timersAt(plain: unknown, seqNr: string): EventFacts {
  const timer = fieldOf(fieldOf(plain, 'timers'), seqNr);
  const delaysMs = fieldOf(fieldOf(plain, 'delays'), seqNr);
  const stillMs = fieldOf(fieldOf(plain, 'still'), seqNr);
  return {
    ...(typeof timer === 'string' && { timer }),
    ...(isList(delaysMs, (ms) => ms === null || typeof ms === 'number') && { delaysMs }),
    ...(typeof stillMs === 'number' && { stillMs }),
  };
}

/** The command whose events the event is one of. */
function commandAt(commands: unknown, seqNr: number): Pick<EventFacts, 'command'> {
  if (typeof commands !== 'object' || commands === null) return {};
  for (const [last, command] of Object.entries(commands)) {
    const fact = commandFact(Number(last), command);
    if (fact !== undefined && fact.first <= seqNr && seqNr <= fact.last) return { command: fact };
  }
  return {};
}

function commandFact(last: number, command: unknown): CommandFact | undefined {
  const count = fieldOf(command, 'count') ?? 1;
  if (!Number.isSafeInteger(last) || typeof count !== 'number') return undefined;
  const first = last - count + 1;
  if (!Number.isSafeInteger(first) || first < 1 || first > last) return undefined;
  const commandId = fieldOf(command, 'id');
  const reply = fieldOf(command, 'reply');
  const sealed = fieldOf(command, 'sealed');
  const correlationId = fieldOf(command, 'correlationId');
  const causationId = fieldOf(command, 'causationId');
  return {
    first,
    last,
    ...(typeof commandId === 'string' && { commandId }),
    ...(reply !== undefined && { reply }),
    ...(typeof sealed === 'string' && { sealed }),
    ...(typeof correlationId === 'string' && { correlationId }),
    ...(typeof causationId === 'string' && { causationId }),
  };
}

function isList<T>(value: unknown, is: (item: unknown) => item is T): value is readonly T[] {
  return Array.isArray(value) && value.every(is);
}

function isDelivery(value: unknown): value is DeliveryFact {
  return isText(fieldOf(value, 'id')) && isText(fieldOf(value, 'to'));
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isListed(value: unknown, seqNr: number): boolean {
  return Array.isArray(value) && value.includes(seqNr);
}

function fieldOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}
