import type { EventObject, StateValue } from 'xstate';
import { matchesState } from 'xstate';
import { shown, thrownText } from '../../model/shown.ts';
import { setMember, storedForm } from '../../model/stored-form.ts';
import type { EventFacts } from '../../ports/journal-plugin.ts';
import { isReservedType } from '../evolution/reserved-types.ts';

/** The first record of a journal: what the entity was started with. */
export const initEventType = 'xstate.init';

const donePrefix = 'xstate.done.actor.';
const errorPrefix = 'xstate.error.actor.';
const snapshotPrefix = 'xstate.snapshot.';

/** Levels of causes that are stored with an error. */
const longestCauseChain = 8;

/**
 * An error of a child, as it comes back from the journal: name, message, cause and the own fields
 * that JSON can hold. Its class and its stack are not stored, so live code does not see them
 * either.
 */
export class RemoteError extends Error {
  constructor({ name, message, cause, ...fields }: StoredError) {
    super(message, cause === undefined ? {} : { cause: revive(cause) });
    // As in other errors, a loop over the fields does not meet the name.
    Object.defineProperty(this, 'name', { value: name, writable: true, configurable: true });
    delete this.stack;
    const { errors } = fields;
    Object.assign(this, fields, Array.isArray(errors) && { errors: errors.map(revive) });
  }
}

/** Beside these, the error's own fields. */
export interface StoredError {
  readonly name: string;
  readonly message: string;
  readonly cause?: unknown;
  readonly [field: string]: unknown;
}

/**
 * What no caller and no `decide` may send: xstate's own events (results, failures and states of
 * children, and delayed transitions), and those that confirm deliveries.
 */
export function isReservedEvent({ type }: EventObject): boolean {
  return isReservedType(type);
}

/** A child that has ended: its result, or its failure. */
export function endedChildId(event: EventObject): string | undefined {
  const { type } = event;
  if (type.startsWith(donePrefix)) return type.slice(donePrefix.length);
  if (type.startsWith(errorPrefix)) return type.slice(errorPrefix.length);
  return undefined;
}

/** A child has failed. */
export function isChildError(event: EventObject): boolean {
  return event.type.startsWith(errorPrefix);
}

/** How a child ended, and what a look at it showed then. */
export interface EndedChild {
  readonly status: 'done' | 'error';
  readonly output?: unknown;
  readonly error?: unknown;
  /** State value, context and history of a machine; context of an observable or a transition. */
  readonly snapshot?: Readonly<Record<string, unknown>>;
}

/**
 * The payload to store for an event of the entity's own children and timers. `lastSnapshot` = what
 * the child showed when it ended, in the form in which its logic persists it.
 *
 * @throws {WriteRejectedError} JSON cannot hold the output or the snapshot; names the place
 */
export function toStored(
  event: EventObject,
  lastSnapshot?: Readonly<Record<string, unknown>>,
): EventObject {
  const { type } = event;
  const { output, error, actorId, snapshot } = event as unknown as Record<string, unknown>;
  if (type.startsWith(donePrefix)) {
    return storedForm({ type, output, actorId, snapshot: shownAtTheEnd(lastSnapshot) });
  }
  if (type.startsWith(errorPrefix)) {
    const last = shownAtTheEnd(lastSnapshot);
    return storedForm({ type, ...failureToStored(error), actorId, snapshot: last });
  }
  if (type.startsWith(snapshotPrefix)) {
    // A child's snapshot has methods and actor references; what a parent reads of it is data.
    const { status, value, context, output, ...more } = snapshot as Record<string, unknown>;
    const error = valueToStored(more.error, 0);
    // A persistent child has it: it says whether the child is ready.
    const persistence = membersToStored(more.persistence);
    const tags = more.tags instanceof Set && more.tags.size > 0 ? [...more.tags] : undefined;
    const shown = { status, value, context, output, error, tags, persistence };
    return storedForm({ type, snapshot: shown });
  }
  return storedForm(event);
}

/**
 * The event that a stored payload stands for. A commit uses this form too, or live and replay
 * differ.
 */
export function fromStored(payload: EventObject): EventObject {
  const { type } = payload;
  if (!type.startsWith('xstate.')) return payload;
  const fields = payload as unknown as Record<string, unknown>;
  if (type.startsWith(snapshotPrefix)) {
    return { ...payload, snapshot: withAnswers(fields.snapshot) } as EventObject;
  }
  if (type.startsWith(donePrefix)) {
    return { type, output: fields.output, actorId: fields.actorId } as EventObject;
  }
  if (!type.startsWith(errorPrefix)) return payload;
  return { type, error: failureOf(fields), actorId: fields.actorId } as EventObject;
}

/** What was thrown, as it is stored. */
export interface StoredFailure {
  /** Absent = `undefined`; of earlier versions also a value that JSON cannot hold. */
  readonly error?: unknown;
  /** `'value'` = it is no `Error`, and need not be one even if it looks like a stored one. */
  readonly thrown?: unknown;
}

/** What was thrown, in the form in which it comes back from the journal. */
export function failureOf({ error, thrown }: StoredFailure): unknown {
  return thrown === 'value' ? error : revive(error);
}

/**
 * What JSON cannot hold of an error is left out. Of another value that JSON cannot hold, such as an
 * HTTP response, an error says what it was, with those of its members that JSON can hold: if it
 * could not be stored, its child would start again with each recovery.
 */
export function failureToStored(thrown: unknown): StoredFailure {
  if (thrown instanceof Error) return { error: errorToStored(thrown) };
  if (thrown === undefined) return { thrown: 'value' };
  const stored = valueToStored(thrown, 0);
  // It may have the fields of a stored error.
  if (stored !== undefined) return { error: stored, thrown: 'value' };
  const error = new Error(`${shown(thrownText(thrown))} was thrown, which JSON cannot hold`);
  const members = typeof thrown === 'object' && thrown !== null ? Object.entries(thrown) : [];
  for (const [name, member] of members) setMember(error as never, name, member);
  return { error: errorToStored(error) };
}

/** How the child ended whose end is stored in `payload`. */
export function endOf(payload: EventObject): EndedChild {
  const { output, error } = fromStored(payload) as unknown as Record<string, unknown>;
  const { snapshot } = payload as unknown as Pick<EndedChild, 'snapshot'>;
  const shown = snapshot === undefined ? {} : { snapshot };
  return isChildError(payload)
    ? { status: 'error', error, ...shown }
    : { status: 'done', output, ...shown };
}

/** @throws {WriteRejectedError} JSON cannot hold the input; names the place */
export function initEvent(input: unknown): EventObject {
  return storedForm({ type: initEventType, input });
}

/** A field that JSON cannot hold is dropped: the failure must not be lost for its sake. */
export function errorToStored(error: Error, depth = 0): StoredError {
  const { name, message, cause } = error;
  const stored: Record<string, unknown> = { name: String(name), message: String(message) };
  if (depth === longestCauseChain) return stored as StoredError;
  const fields = Object.entries(error).filter(([field]) => !notFields.has(field));
  if (cause !== undefined) fields.push(['cause', cause]);
  // They are not enumerable there.
  if (error instanceof AggregateError) fields.push(['errors', error.errors]);
  for (const [field, value] of fields) setMember(stored, field, valueToStored(value, depth + 1));
  return stored as StoredError;
}

const notFields = new Set(['name', 'message', 'cause', 'stack']);

/** `undefined` when JSON cannot hold the value. */
function valueToStored(value: unknown, depth: number): unknown {
  if (value instanceof Error) return errorToStored(value, depth);
  if (Array.isArray(value) && value.some((item) => item instanceof Error)) {
    return value.map((item) => valueToStored(item, depth) ?? null);
  }
  try {
    return storedForm(value);
  } catch {
    return undefined;
  }
}

/**
 * Gives a stored snapshot of a machine `matches`, `hasTag` and `tags`. They are not enumerable, so
 * a context that keeps the snapshot stores its data only.
 */
function withAnswers(snapshot: unknown): unknown {
  const { value, tags, ...data } = (snapshot ?? {}) as Record<string, unknown>;
  if (value === undefined) return snapshot;
  const tagged = new Set(tags as readonly string[] | undefined);
  return Object.defineProperties(
    { value, ...data },
    {
      matches: { value: (state: StateValue) => matchesState(state, value as StateValue) },
      hasTag: { value: (tag: string) => tagged.has(tag) },
      tags: { value: tagged },
    },
  );
}

/** The members of an object that JSON can hold; `undefined` = it is not an object. */
function membersToStored(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  const members = Object.entries(value).map(([name, member]) => [name, valueToStored(member, 0)]);
  return Object.fromEntries(members);
}

function revive(stored: unknown): unknown {
  const isError =
    typeof stored === 'object' && stored !== null && 'name' in stored && 'message' in stored;
  return isError ? new RemoteError(stored as StoredError) : stored;
}

/** What the end of a child keeps of its last snapshot; outcome and input are known without it. */
function shownAtTheEnd(snapshot: Readonly<Record<string, unknown>> | undefined): unknown {
  const { value, context, historyValue } = snapshot ?? {};
  if (value === undefined && context === undefined) return undefined;
  return valueToStored({ value, context, historyValue }, 0);
}

/**
 * What else an event says that a machine of a version writes, in a journal begun by another one.
 */
export function withVersion(
  facts: EventFacts,
  machineVersion: string | undefined,
  bornWith: string | undefined,
): EventFacts {
  if (machineVersion === undefined) return facts;
  return bornWith === machineVersion
    ? { ...facts, machineVersion }
    : { ...facts, machineVersion, bornWith: bornWith ?? null };
}
