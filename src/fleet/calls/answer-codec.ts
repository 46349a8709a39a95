import type { AskResult } from '../../actor/entity/ask.ts';
import { isEvent } from '../../actor/entity/check-input.ts';
import type { ReplyOf, StoredEventOf } from '../../actor/entity/persistence-info.ts';
import {
  defineUnfit,
  readUnfit,
  type SnapshotWire,
  type Unfit,
} from '../../actor/entity/snapshot-wire.ts';
import { jsonDocument, parseJson, printJson } from '../../codec/json/json.ts';
import { printValue } from '../../codec/json/json-printer.ts';
import { maxDataLevels } from '../../codec/json/json-text.ts';
import { toPlain } from '../../codec/json/plain-json.ts';
import { errorForm, errorOf } from '../../model/error-form.ts';
import { CodecError, InvalidInputError, RemoteCallError } from '../../model/errors.ts';
import { readArray, readCount, readObject } from '../../model/plain-members.ts';

/*
 * {"sequenceNr":N,"events":[…],"snapshot":{…},"reply":V?}      what the command led to
 * {}                                                           it was delivered, or done
 * {"error":E}                                                  src/model/error-form.ts
 *
 * A member that JSON cannot hold has its reason instead: "unfit":{"<member>":{"path":S,"text":S}}
 */

/** How a command ended. */
export type AskOutcome<S> =
  | { readonly result: AskResult<S> }
  /** What the asker gets thrown. */
  | { readonly error: unknown };

/**
 * The body of the answer. What JSON cannot hold of a result fails nothing: the command is stored.
 */
export function encodeAnswer<S>(outcome: AskOutcome<S>, wire: SnapshotWire<S>): string {
  if ('error' in outcome) {
    return jsonDocument(`{"error":${printValue(errorForm(outcome.error), { name: 'error' })}}`);
  }
  const { sequenceNr, events, snapshot, reply } = outcome.result;
  const unfit: Record<string, Unfit> = {};
  const print = (name: string, value: unknown): string => {
    if (value === undefined) return '';
    try {
      return `,"${name}":${printValue(value, { ...memberRules, name })}`;
    } catch (error) {
      if (!(error instanceof InvalidInputError)) throw error;
      unfit[name] = { path: error.path ?? name, text: error.message };
      return '';
    }
  };
  const members =
    print('events', events) + print('snapshot', wire.toPlain(snapshot)) + print('reply', reply);
  const faults = Object.keys(unfit).length === 0 ? '' : `,"unfit":${printJson(unfit)}`;
  return jsonDocument(`{"sequenceNr":${sequenceNr}${members}${faults}}`);
}

const memberRules = { maxLevels: maxDataLevels, exact: true, plainNumbers: true } as const;

/**
 * What the asker gets. The snapshot is made when it is first read: most askers do not look at it,
 * and one of another version of the program may not be readable here.
 *
 * @throws what the asker of the entity's own process would get
 * @throws {RemoteCallError} `stored` is `'unknown'`: the body is no answer, as its cause says
 */
export function decodeAnswer<S>(body: string, wire: SnapshotWire<S>): AskResult<S> {
  const answer = readAnswer(body, wire);
  if ('error' in answer) throw answer.error;
  return answer.result;
}

/**
 * Nothing, where the other process has done what was asked for.
 *
 * @throws what the caller in the entity's own process would get
 * @throws {RemoteCallError} `stored` is `'unknown'`: the body is no answer, as its cause says
 */
export function decodeDone(body: string): void {
  let error: unknown;
  try {
    const members = readObject(toPlain(parseJson(body)), 'answer');
    if (members.error === undefined) return;
    error = errorOf(members.error);
  } catch (cause) {
    const text = 'another process gave an answer that cannot be read; it may be done';
    throw new RemoteCallError(text, { cause, stored: 'unknown' });
  }
  throw error;
}

function readAnswer<S>(body: string, wire: SnapshotWire<S>): AskOutcome<S> {
  try {
    const members = readObject(toPlain(parseJson(body)), 'answer');
    if (members.error !== undefined) return { error: errorOf(members.error) };
    return { result: readResult(members, wire) };
  } catch (cause) {
    const text = 'another process gave an answer that cannot be read; the command may be stored';
    throw new RemoteCallError(text, { cause, stored: 'unknown' });
  }
}

function readResult<S>(
  members: Readonly<Record<string, unknown>>,
  wire: SnapshotWire<S>,
): AskResult<S> {
  const unfit = readObject(members.unfit ?? {}, 'answer.unfit');
  if (unfit.snapshot === undefined) readObject(members.snapshot, 'answer.snapshot');
  const result = {
    sequenceNr: readCount(members.sequenceNr, 'answer.sequenceNr'),
    events: unfit.events === undefined ? readEvents<S>(members.events) : [],
    get snapshot(): S {
      const snapshot = wire.ofPlain(members.snapshot);
      Object.defineProperty(result, 'snapshot', { value: snapshot, enumerable: true });
      return snapshot;
    },
    reply: members.reply as ReplyOf<S>,
  };
  for (const name of ['events', 'snapshot', 'reply']) {
    const fault = unfit[name];
    if (fault !== undefined) defineUnfit(result, name, readUnfit(fault, `answer.unfit.${name}`));
  }
  return result;
}

function readEvents<S>(given: unknown): readonly StoredEventOf<S>[] {
  const events = readArray(given, 'answer.events');
  const wrong = events.findIndex((event) => !isEvent(event));
  if (wrong >= 0) {
    throw new CodecError(`answer.events[${wrong}] must be an object with a text "type"`);
  }
  return events as readonly StoredEventOf<S>[];
}
