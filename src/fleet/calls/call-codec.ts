import type { EventObject } from 'xstate';
import type { CheckedTerms } from '../../actor/entity/ask.ts';
import { checkId, isEvent, isShortId, shortIdText } from '../../actor/entity/check-input.ts';
import { jsonDocument, parseJson, printJson, toPlain } from '../../codec/json/json.ts';
import { printString, printValue } from '../../codec/json/json-printer.ts';
import { CodecError } from '../../model/errors.ts';
import { readCount, readObject, readText } from '../../model/plain-members.ts';

/*
 * {"type":S,"id":S,"command":{"type":S,…},"generation":N,"hops":N,"terms":TERMS?}
 * TERMS = {"expectedSequenceNr":N?,"commandId":S?,"correlationId":S?,"causationId":S?}
 *
 * A version without `terms` ignores the member: it would evaluate a command whose entity has moved
 * on, or that is stored already. So a command that demands something has a call name of its own,
 * which such a version refuses: see `nameOfAsk`.
 */

/** A command on its way to the process that has its entity. */
export interface EntityCall {
  /** Of the entities, as `entities(type, …)` names it. */
  readonly type: string;
  readonly id: string;
  readonly command: EventObject;
  /** Of the view in which the caller has found the owner. */
  readonly generation: number;
  /** Processes that have sent the call on, or have sent the caller to another one. */
  readonly hops: number;
  /** Absent = the asker demands and says nothing. */
  readonly terms?: CheckedTerms;
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
  const { type, id, command, generation, hops, terms = {} } = call;
  checkId(type, 'a type of entities');
  checkId(id, 'the id of an entity');
  const entity = `"type":${printString(type)},"id":${printString(id)}`;
  const text = printValue(command, commandRules);
  const rest = `"generation":${generation},"hops":${hops}${printTerms(terms)}`;
  return jsonDocument(`{${entity},"command":${text},${rest}}`);
}

/** @throws {CodecError} it is no call; names the member */
export function decodeCall(body: string): EntityCall {
  const members = readObject(toPlain(parseJson(body)), 'call');
  const { command } = members;
  if (!isEvent(command)) throw new CodecError('call.command must be an object with a text "type"');
  return {
    type: readId(members.type, 'call.type'),
    id: readId(members.id, 'call.id'),
    command,
    generation: readCount(members.generation, 'call.generation'),
    hops: readCount(members.hops, 'call.hops'),
    ...(members.terms !== undefined && { terms: readTerms(members.terms) }),
  };
}

function printTerms(terms: CheckedTerms): string {
  return Object.keys(terms).length === 0 ? '' : `,"terms":${printJson({ ...terms })}`;
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
        .map(([name, value]) => [name, readShortId(value, `${at}.${name}`)]),
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

function readShortId(value: unknown, at: string): string {
  if (isShortId(value)) return value;
  throw new CodecError(`${at} must be ${shortIdText}`);
}

function readId(value: unknown, at: string): string {
  const id = readText(value, at);
  if (id.trim() !== '' && id.isWellFormed()) return id;
  throw new CodecError(`${at} must be a well-formed text that is not blank`);
}
