import {
  AccessDeniedError,
  AskTimeoutError,
  AttemptInterruptedError,
  AttemptTimedOutError,
  ClosedError,
  CodecError,
  CommandRejectedError,
  CommandUnhandledError,
  ConfigError,
  DataIntegrityError,
  DeadlineExceededError,
  DuplicateEntityError,
  EntityDoneError,
  EntityStoppedError,
  FencedError,
  InvalidInputError,
  JournalError,
  KeyForgottenError,
  LogUnavailableError,
  NotOwnerError,
  NotSetUpError,
  RecoveryFailedError,
  RemoteCallError,
  StashOverflowError,
  type Stored,
  StoreUnavailableError,
  TooManyDeliveriesError,
  UnexpectedSequenceNrError,
  WriteFailedError,
  WriteRejectedError,
} from './errors.ts';
import { readChoice, readObject, readText } from './plain-members.ts';
import { shown } from './shown.ts';
import { setMember, storedForm } from './stored-form.ts';

/*
 * An error as plain data, for another process of the same service:
 *
 *   {"code":C?,"name":S,"message":S,"fields":{…}?,"cause":E?}   an Error; C = it is a JournalError
 *   {"thrown":V}                                                anything else
 *
 * `fields` are the error's own members that JSON can hold, `stored` and `retryable` among them. A
 * stack stays where it was made.
 */

type ErrorClass = abstract new (...args: never[]) => JournalError;

/** What a code stands for. A code is for ever; the name of a class may change with a bundler. */
const classes: ReadonlyMap<string, ErrorClass> = new Map<string, ErrorClass>([
  ['INVALID_INPUT', InvalidInputError],
  ['CONFIG', ConfigError],
  ['WRITE_REJECTED', WriteRejectedError],
  ['NOT_OWNER', NotOwnerError],
  ['REMOTE_CALL_FAILED', RemoteCallError],
  ['WRITE_FAILED', WriteFailedError],
  ['STORE_UNAVAILABLE', StoreUnavailableError],
  ['LOG_UNAVAILABLE', LogUnavailableError],
  ['ACCESS_DENIED', AccessDeniedError],
  ['NOT_SET_UP', NotSetUpError],
  ['CODEC', CodecError],
  ['DATA_INTEGRITY', DataIntegrityError],
  ['FENCED', FencedError],
  ['DEADLINE_EXCEEDED', DeadlineExceededError],
  ['CLOSED', ClosedError],
  ['COMMAND_REJECTED', CommandRejectedError],
  ['COMMAND_UNHANDLED', CommandUnhandledError],
  ['UNEXPECTED_SEQUENCE_NR', UnexpectedSequenceNrError],
  ['STASH_OVERFLOW', StashOverflowError],
  ['TOO_MANY_DELIVERIES', TooManyDeliveriesError],
  ['ENTITY_STOPPED', EntityStoppedError],
  ['ENTITY_DONE', EntityDoneError],
  ['ASK_TIMEOUT', AskTimeoutError],
  ['ATTEMPT_INTERRUPTED', AttemptInterruptedError],
  ['ATTEMPT_TIMED_OUT', AttemptTimedOutError],
  ['RECOVERY_FAILED', RecoveryFailedError],
  ['KEY_FORGOTTEN', KeyForgottenError],
  ['DUPLICATE_ENTITY', DuplicateEntityError],
]);

/** An error of the service's own, or of another version of this package. */
class OtherJournalError extends JournalError {
  declare readonly code: string;
}

/** Causes that come along; an error may be its own cause. */
const maxCauses = 10;

/** Members of an error that are not among its fields. */
const reserved: ReadonlySet<string> = new Set(['name', 'message', 'stack', 'cause']);
const outcomes: readonly Stored[] = ['no', 'unknown', 'yes'];

/** The error as plain data, which JSON can hold; never throws. */
export function errorForm(error: unknown): unknown {
  return formOf(error, maxCauses);
}

function formOf(error: unknown, causes: number): unknown {
  try {
    if (!(error instanceof Error)) return { thrown: fitting(error) ?? shown(error) };
    const { message, name, cause } = error;
    const form: Record<string, unknown> = {
      name: String(name),
      message: String(message),
      fields: fieldsOf(error),
    };
    // Of another error the code is one of its fields.
    if (error instanceof JournalError) form.code = error.code;
    if (cause !== undefined && causes > 0) form.cause = formOf(cause, causes - 1);
    return form;
  } catch {
    // A getter or a proxy of somebody else's.
    return { thrown: 'an error that cannot be read' };
  }
}

function fieldsOf(error: Error): Readonly<Record<string, unknown>> {
  const fields: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(error)) {
    if (reserved.has(name) || (name === 'code' && error instanceof JournalError)) continue;
    const form = fitting(value);
    if (form !== undefined) setMember(fields, name, form);
  }
  return fields;
}

/** The value as JSON gives it back; `undefined` when JSON cannot. */
function fitting(value: unknown): unknown {
  try {
    return value === undefined ? undefined : storedForm(value);
  } catch {
    return undefined;
  }
}

/**
 * The error that {@link errorForm} was given: one of the catalogue has its class again, any other
 * is an `Error` with the same name.
 *
 * @throws {CodecError} it is no form of an error; `at` names it
 */
export function errorOf(form: unknown, at = 'error'): unknown {
  const members = readObject(form, at);
  if ('thrown' in members) return members.thrown;
  const message = readText(members.message, `${at}.message`);
  const name = readText(members.name, `${at}.name`);
  const fields = readObject(members.fields, `${at}.fields`);
  const options =
    members.cause === undefined ? undefined : { cause: errorOf(members.cause, `${at}.cause`) };
  if (members.code === undefined) return foreignError({ name, message, fields }, options);
  const code = readText(members.code, `${at}.code`);
  readChoice(fields.stored, outcomes, `${at}.fields.stored`);
  if (typeof fields.retryable !== 'boolean') {
    throw new CodecError(`${at}.fields.retryable must be true or false`);
  }
  // A constructor would derive anew what the fields say already, and change the message.
  const Type = classes.get(code) ?? OtherJournalError;
  const error: JournalError = Reflect.construct(Error, [message, options], Type);
  addFields(error, fields);
  return Object.assign(error, { name, code });
}

interface NamedError {
  readonly name: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

function foreignError({ name, message, fields }: NamedError, options?: ErrorOptions): Error {
  const error = new Error(message, options);
  addFields(error, fields);
  const attributes = { value: name, writable: true, configurable: true };
  return Object.defineProperty(error, 'name', attributes);
}

function addFields(error: Error, fields: Readonly<Record<string, unknown>>): void {
  const members = error as Error & Record<string, unknown>;
  for (const [name, value] of Object.entries(fields)) {
    if (!reserved.has(name)) setMember(members, name, value);
  }
}
