import { errorForm, errorOf } from '../../model/error-form.ts';
import { InvalidInputError, WriteRejectedError } from '../../model/errors.ts';
import { readChoice, readCount, readObject, readText } from '../../model/plain-members.ts';
import { storedForm } from '../../model/stored-form.ts';
import type { HostedState } from './entity-logic.ts';
import { type PersistenceInfo, phases } from './persistence-info.ts';

/**
 * How the snapshots of one kind of entity travel to another process. What arrives has no children,
 * and starts nothing.
 */
export interface SnapshotWire<S> {
  /**
   * The snapshot as data: objects, arrays, texts and numbers. The program's own context and output
   * are in it as they are: whoever prints it refuses what JSON cannot hold.
   */
  toPlain(snapshot: S): unknown;
  /**
   * The snapshot again.
   *
   * @throws {CodecError} it is none, or one of another version of the program; names the member
   */
  ofPlain(plain: unknown): S;
}

/** Why a value could not come along: JSON cannot hold it. */
export interface Unfit {
  /** The place in the value, such as `snapshot.context.at`. */
  readonly path: string;
  readonly text: string;
}

/**
 * A member that could not come along: only who reads it gets an error, since what became of the
 * command does not depend on it.
 */
export function defineUnfit(target: object, name: string, { path, text }: Unfit): void {
  const get = (): never => {
    const what = `"${name}" could not come along from the process of the entity: ${text}`;
    throw new InvalidInputError(what, { path });
  };
  Object.defineProperty(target, name, { get, enumerable: true, configurable: true });
}

/** @throws {CodecError} it is none */
export function readUnfit(plain: unknown, at: string): Unfit {
  const { path, text } = readObject(plain, at);
  return { path: readText(path, `${at}.path`), text: readText(text, `${at}.text`) };
}

/** What a snapshot of any kind of entity has: how it ended, and what is known of its journal. */
export type CommonParts = Required<HostedState> & { readonly persistence: PersistenceInfo };

/** The common parts as members of the plain snapshot. */
export function commonForm(snapshot: HostedState & { readonly persistence: PersistenceInfo }) {
  const { status, output, error, persistence } = snapshot;
  return {
    status,
    output,
    error: error === undefined ? undefined : errorForm(error),
    persistence: persistenceForm(persistence),
  };
}

/** @throws {CodecError} they are none; names the member */
export function commonOf(members: Readonly<Record<string, unknown>>): CommonParts {
  const { status, output, error, persistence } = members;
  return {
    status: readChoice(status, statuses, 'snapshot.status'),
    output,
    error: error === undefined ? undefined : errorOf(error, 'snapshot.error'),
    persistence: persistenceOf(persistence),
  };
}

const statuses = ['active', 'done', 'error', 'stopped'] as const;

function persistenceForm({ input, lastError, ...rest }: PersistenceInfo): unknown {
  const error = lastError === undefined ? undefined : errorForm(lastError);
  const common = { ...rest, lastError: error };
  if (input === undefined) return common;
  try {
    return { ...common, input: storedForm(input, 'snapshot.persistence.input') };
  } catch (cause) {
    // An input that is not stored may hold anything, such as a connection.
    if (!(cause instanceof WriteRejectedError)) throw cause;
    const { message: text, path = '' } = cause;
    return { ...common, unfitInput: { path, text } satisfies Unfit };
  }
}

function persistenceOf(plain: unknown): PersistenceInfo {
  const at = 'snapshot.persistence';
  const members = readObject(plain, at);
  const { phase, persistenceId, sequenceNr, stashed, input, lastError, unfitInput } = members;
  const { bornWith } = members;
  const info = {
    phase: readChoice(phase, phases, `${at}.phase`),
    persistenceId: readText(persistenceId, `${at}.persistenceId`),
    sequenceNr: readCount(sequenceNr, `${at}.sequenceNr`),
    stashed: readCount(stashed, `${at}.stashed`),
    input,
    ...(bornWith !== undefined && { bornWith: readText(bornWith, `${at}.bornWith`) }),
  };
  if (unfitInput !== undefined) {
    defineUnfit(info, 'input', readUnfit(unfitInput, `${at}.unfitInput`));
  }
  if (lastError === undefined) return info;
  return Object.assign(info, { lastError: errorOf(lastError, `${at}.lastError`) });
}
