import type { EventObject } from 'xstate';
import { checkId, isEvent } from '../../actor/entity/check-input.ts';
import { jsonDocument, parseJson, toPlain } from '../../codec/json/json.ts';
import { printString, printValue } from '../../codec/json/json-printer.ts';
import { CodecError } from '../../model/errors.ts';
import { readCount, readObject, readText } from '../../model/plain-members.ts';

/*
 * {"type":S,"id":S,"command":{"type":S,…},"generation":N,"hops":N}
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
}

/** Numbers that a text cannot keep are refused: the entity must decide on what the caller gave. */
const commandRules = { name: 'command', exact: true, plainNumbers: true } as const;

/**
 * @throws {InvalidInputError} JSON cannot hold the command: `path` is the place in it; or an id is
 *   blank or not well-formed
 */
export function encodeCall({ type, id, command, generation, hops }: EntityCall): string {
  checkId(type, 'a type of entities');
  checkId(id, 'the id of an entity');
  const entity = `"type":${printString(type)},"id":${printString(id)}`;
  const text = printValue(command, commandRules);
  return jsonDocument(`{${entity},"command":${text},"generation":${generation},"hops":${hops}}`);
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
  };
}

function readId(value: unknown, at: string): string {
  const id = readText(value, at);
  if (id.trim() !== '' && id.isWellFormed()) return id;
  throw new CodecError(`${at} must be a well-formed text that is not blank`);
}
