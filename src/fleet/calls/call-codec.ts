import type { EventObject } from 'xstate';
import type { CheckedTerms } from '../../actor/entity/ask.ts';
import { checkId, isEvent, isShortId, shortIdText } from '../../actor/entity/check-input.ts';
import { jsonDocument, parseJson, printJson } from '../../codec/json/json.ts';
import { printString, printValue } from '../../codec/json/json-printer.ts';
import { toPlain } from '../../codec/json/plain-json.ts';
import { CodecError } from '../../model/errors.ts';
import { readCount, readObject, readText } from '../../model/plain-members.ts';
import { SeqNr } from '../../model/seq-nr.ts';

/*
 * {"type":S,"id":S,"command":{"type":S,…},"generation":N,"hops":N,"terms":TERMS?}
 * TERMS = {"expectedSequenceNr":N?,"commandId":S?,"correlationId":S?,"causationId":S?}
 *
 * delete-events: {"type":S,"id":S,"to":N,"generation":N,"hops":N}
 * purge:         {"type":S,"id":S,"generation":N,"hops":N}
 *
 * A version without `terms` ignores the member: it would evaluate a command whose entity has moved
 * on, or that is stored already. So a command that demands something has a call name of its own,
 * which such a version refuses: see `nameOfAsk`.
 */

/** On its way to the process that has an entity. */
export interface CallToEntity {
  /** Of the entities, as `entities(type, …)` names it. */
  readonly type: string;
  readonly id: string;
  /** Of the view in which the caller has found the owner. */
  readonly generation: number;
  /** Processes that have sent the call on, or have sent the caller to another one. */
  readonly hops: number;
}

/** Carries a command. */
export interface EntityCall extends CallToEntity {
  readonly command: EventObject;
  /** Absent = the asker demands and says nothing. */
  readonly terms?: CheckedTerms;
}

/** What is done to an entity beside its commands. Each is a call with the same name. */
export type Upkeep =
  | {
      readonly name: 'delete-events';
      /** Inclusive. */
      readonly to: SeqNr;
    }
  | { readonly name: 'purge' };

/** Asks for that. */
export interface UpkeepCall extends CallToEntity {
  readonly upkeep: Upkeep;
}

/** The name of the call that asks. The one with terms is known only to processes that keep them. */
export function nameOfAsk(terms: CheckedTerms): 'ask' | 'ask-on-terms' {
  const { expectedSequenceNr, commandId } = terms;
  return expectedSequenceNr === undefined && commandId === undefined ? 'ask' : 'ask-on-terms';
}

/** Numbers that a text cannot keep are refused: the entity must decide on what the caller gave. */
const commandRules = { name: 'command', exact: true, plainNumbers: true } as const;

/**
 * @throws {InvalidInputError} JSON cannot hold the command: `path` is the place in it; or an id is
 *   blank or not well-formed
 */
export function encodeCall(call: EntityCall): string {
  const { command, terms = {} } = call;
  const { entity, way } = printCall(call);
  const text = printValue(command, commandRules);
  const demands = Object.keys(terms).length === 0 ? '' : `,"terms":${printJson({ ...terms })}`;
  return jsonDocument(`{${entity},"command":${text},${way}${demands}}`);
}

/** @throws {InvalidInputError} an id is blank or not well-formed */
export function encodeUpkeep(call: UpkeepCall): string {
  const { upkeep } = call;
  const { entity, way } = printCall(call);
  const to = upkeep.name === 'delete-events' ? `"to":${upkeep.to},` : '';
  return jsonDocument(`{${entity},${to}${way}}`);
}

function printCall({ type, id, generation, hops }: CallToEntity) {
  checkId(type, 'a type of entities');
  checkId(id, 'the id of an entity');
  const entity = `"type":${printString(type)},"id":${printString(id)}`;
  return { entity, way: `"generation":${generation},"hops":${hops}` };
}

/** @throws {CodecError} it is no call; names the member */
export function decodeCall(body: string): EntityCall {
  const members = readObject(toPlain(parseJson(body)), 'call');
  const { command } = members;
  if (!isEvent(command)) throw new CodecError('call.command must be an object with a text "type"');
  return {
    ...readCall(members),
    command,
    ...(members.terms !== undefined && { terms: readTerms(members.terms) }),
  };
}

/**
 * The call with that name.
 *
 * @throws {CodecError} it is no call; names the member
 */
export function decodeUpkeep(name: Upkeep['name'], body: string): UpkeepCall {
  const members = readObject(toPlain(parseJson(body)), 'call');
  const call = readCall(members);
  if (name === 'purge') return { ...call, upkeep: { name } };
  const to = readCount(members.to, 'call.to');
  if (to === 0) throw new CodecError('call.to must be an integer of at least 1, not 0');
  return { ...call, upkeep: { name, to: SeqNr.of(to) } };
}

function readCall(members: Readonly<Record<string, unknown>>): CallToEntity {
  return {
    type: readId(members.type, 'call.type'),
    id: readId(members.id, 'call.id'),
    generation: readCount(members.generation, 'call.generation'),
    hops: readCount(members.hops, 'call.hops'),
  };
}

/** What is not understood may be a demand of a later version, so it is refused. */
function readTerms(given: unknown): CheckedTerms {
  const at = 'call.terms';
  const members = readObject(given, at);
  const unknown = Object.keys(members).find((name) => !termNames.has(name));
  if (unknown !== undefined) throw new CodecError(`${at} has the unknown member "${unknown}"`);
  const { expectedSequenceNr, commandId, correlationId, causationId } = members;
  const ids = Object.entries({ commandId, correlationId, causationId });
  return {
    ...Object.fromEntries(
      ids
        .filter(([, value]) => value !== undefined)
        .map(([name, value]) => {
          if (isShortId(value)) return [name, value];
          throw new CodecError(`${at}.${name} must be ${shortIdText}`);
        }),
    ),
    ...(expectedSequenceNr !== undefined && {
      expectedSequenceNr: readCount(expectedSequenceNr, `${at}.expectedSequenceNr`),
    }),
  };
}

const termNames: ReadonlySet<string> = new Set<keyof CheckedTerms>([
  'expectedSequenceNr',
  'commandId',
  'correlationId',
  'causationId',
]);

function readId(value: unknown, at: string): string {
  const id = readText(value, at);
  if (id.trim() !== '' && id.isWellFormed()) return id;
  throw new CodecError(`${at} must be a well-formed text that is not blank`);
}
