/**
 * The error catalogue. Every error of the public API extends `JournalError`; `docs/errors.md`
 * lists each `code`, and a test proves list and code equal.
 *
 * A message adds context and leaves the `cause` to say its own part.
 */
export abstract class JournalError extends Error {
  abstract readonly code: string;
  /** True when the same call may succeed later without any change. */
  readonly retryable: boolean = false;
  /** Whether what the call was to store is stored. */
  readonly stored: Stored = 'no';

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** `'unknown'`: a write was under way, and only a recovery or a read shows what became of it. */
export type Stored = 'no' | 'unknown' | 'yes';

/** What a failed call may know of its command, beside its cause. */
export interface AnswerErrorOptions extends ErrorOptions {
  /** `'no'` unless given. */
  readonly stored?: Stored | undefined;
}

/** What an error about a caller's value may know beside its cause. */
export interface ValueErrorOptions extends ErrorOptions {
  /** The place of the offending value inside the whole, such as `event.items[3].at`. */
  readonly path?: string | undefined;
}

/** An error that only passes on another one may be retried when that one may. */
function isRetryable(cause: unknown): boolean {
  return cause instanceof JournalError && cause.retryable;
}

/**
 * The caller's value is wrong; nothing was done. `path` is the place in a value that was to be
 * written, such as `event.items[3].at`.
 */
export class InvalidInputError extends JournalError {
  readonly code = 'INVALID_INPUT';
  readonly path: string | undefined;

  constructor(message: string, options?: ValueErrorOptions) {
    super(message, options);
    this.path = options?.path;
  }
}

/** One problem of a configuration, with its place. */
export interface ConfigProblem {
  readonly path: string;
  /**
   * Path of the file; `config text` for HOCON that code gave; `undefined` when no place is known.
   */
  readonly file: string | undefined;
  readonly line: number | undefined;
  readonly message: string;
}

/** The configuration is wrong; all problems of the file together. Nothing was opened. */
export class ConfigError extends JournalError {
  readonly code = 'CONFIG';
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[], options?: ErrorOptions) {
    // Several readers may find the same one.
    const byText = new Map(problems.map((problem) => [describeProblem(problem), problem]));
    super([...byText.keys()].join('\n'), options);
    this.problems = [...byText.values()];
  }
}

function describeProblem({ path, file, line, message }: ConfigProblem): string {
  const place = file === undefined ? '' : ` (${file}${line === undefined ? '' : `:${line}`})`;
  return `${path}: ${message}${place}`;
}

/** Certainly not stored; the caller may go on. `path` is the JSON path of the offending value. */
export class WriteRejectedError extends JournalError {
  readonly code = 'WRITE_REJECTED';
  readonly path: string | undefined;
  /** As its cause. */
  override readonly retryable: boolean;

  constructor(message: string, options?: ValueErrorOptions) {
    super(message, options);
    this.path = options?.path;
    this.retryable = isRetryable(options?.cause);
  }
}

/** Who has opened a tenure, and where its opening mark is. */
export interface TenureOwner {
  readonly partition: number;
  readonly offset: number;
  /** A UUID of the process. */
  readonly holder: string;
  /** Where the process can be reached, if it says so. */
  readonly address: string | undefined;
}

/**
 * Another process has taken the partition over: what was to be written is certainly not stored, or
 * void for every reader. Hold the journal again, and read it before the next write.
 */
export class NotOwnerError extends JournalError {
  readonly code = 'NOT_OWNER';
  override readonly retryable = true;
  /** Who owns it now; `undefined` when only the loss is known. */
  readonly owner: TenureOwner | undefined;

  constructor(
    message: string,
    options?: ErrorOptions & { readonly owner?: TenureOwner | undefined },
  ) {
    super(message, options);
    this.owner = options?.owner;
  }
}

/**
 * Another process of the fleet was not reached, or its answer is missing. `stored` is `'no'` when
 * it certainly did not take the call, `'unknown'` when it may have.
 */
export class RemoteCallError extends JournalError {
  readonly code = 'REMOTE_CALL_FAILED';
  /** The other process did not take the call, and may take it later. */
  override readonly retryable: boolean;
  override readonly stored: Stored;

  /** @param options `retryable: false` = the cause does not pass by waiting */
  constructor(
    message: string,
    options?: AnswerErrorOptions & { readonly retryable?: boolean | undefined },
  ) {
    super(message, options);
    this.stored = options?.stored ?? 'unknown';
    this.retryable = this.stored === 'no' && options?.retryable !== false;
  }
}

/** May or may not be stored: stop and recover to learn the truth. */
export class WriteFailedError extends JournalError {
  readonly code = 'WRITE_FAILED';
  override readonly stored = 'unknown';
}

/** The replicated store did not answer; a read failed and nothing changed. */
export class StoreUnavailableError extends JournalError {
  readonly code = 'STORE_UNAVAILABLE';
  override readonly retryable = true;
}

/** The log did not answer; a read failed and nothing changed. */
export class LogUnavailableError extends JournalError {
  readonly code = 'LOG_UNAVAILABLE';
  override readonly retryable = true;
}

/** The server refuses the operation to this user; `message` names the right that is missing. */
export class AccessDeniedError extends JournalError {
  readonly code = 'ACCESS_DENIED';
}

/** A topic, keyspace or table does not exist and may not be created here. */
export class NotSetUpError extends JournalError {
  readonly code = 'NOT_SET_UP';
}

/** Where stored data breaks a rule. */
export interface DataPlace {
  readonly topic?: string | undefined;
  readonly partition?: number | undefined;
  readonly offset?: number | undefined;
  readonly id?: string | undefined;
  readonly seqNr?: number | undefined;
  /** Of the store, when it is a row of it that breaks the rule. */
  readonly table?: string | undefined;
  readonly column?: string | undefined;
}

/** What an error about stored data may know beside its cause. */
export interface DataErrorOptions extends ErrorOptions {
  readonly place?: DataPlace | undefined;
}

/** Stored bytes break the format. */
export class CodecError extends JournalError {
  readonly code = 'CODEC';
  readonly place: DataPlace;

  constructor(message: string, options?: DataErrorOptions) {
    super(message + placeText(options?.place), options);
    this.place = options?.place ?? {};
  }
}

/**
 * Stored records contradict each other: duplicate, conflicting or missing numbers, lost records.
 */
export class DataIntegrityError extends JournalError {
  readonly code = 'DATA_INTEGRITY';
  readonly place: DataPlace;

  constructor(message: string, options?: DataErrorOptions) {
    super(message + placeText(options?.place), options);
    this.place = options?.place ?? {};
  }
}

function placeText(place: DataPlace | undefined): string {
  const known = Object.entries(place ?? {}).filter(([, value]) => value !== undefined);
  const parts = known.map(([name, value]) => `${name} ${value}`);
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
}

/** Another process owns the partition by now: this one must write nothing more for it. */
export class FencedError extends JournalError {
  readonly code = 'FENCED';
}

/**
 * The wait was bounded and its time is over; what it waited for is in the message. `stored` is
 * `'unknown'` when that was a change, such as a purge, which may happen later.
 */
export class DeadlineExceededError extends JournalError {
  readonly code = 'DEADLINE_EXCEEDED';
  /** Nothing was changed, and nothing will be. */
  override readonly retryable: boolean;
  override readonly stored: Stored;

  constructor(message: string, options?: AnswerErrorOptions) {
    super(message, options);
    this.stored = options?.stored ?? 'no';
    this.retryable = this.stored === 'no';
  }
}

/** Used after it was disposed: a bug of the caller. */
export class ClosedError extends JournalError {
  readonly code = 'CLOSED';
}

/** `decide` refused the command: certainly not stored, the entity lives. */
export class CommandRejectedError extends JournalError {
  readonly code = 'COMMAND_REJECTED';
}

/** The entity has no use for this command in its current state: certainly not stored. */
export class CommandUnhandledError extends JournalError {
  readonly code = 'COMMAND_UNHANDLED';
}

/**
 * The entity has moved on, or is not as far as its asker thought, so the command was not evaluated:
 * certainly not stored.
 */
export class UnexpectedSequenceNrError extends JournalError {
  readonly code = 'UNEXPECTED_SEQUENCE_NR';
  /** What the asker expected as the number of the last event. */
  readonly expected: number | undefined;
  /** What the command would have been decided on. */
  readonly actual: number | undefined;

  constructor(
    message: string,
    options?: ErrorOptions & {
      readonly expected?: number | undefined;
      readonly actual?: number | undefined;
    },
  ) {
    super(message, options);
    this.expected = options?.expected;
    this.actual = options?.actual;
  }
}

/** The entity's stash is full: certainly not stored. */
export class StashOverflowError extends JournalError {
  readonly code = 'STASH_OVERFLOW';
  override readonly retryable = true;
}

/**
 * The entity has more unconfirmed deliveries than its maximum, and the command would add to them:
 * certainly not stored. It may be stored once some are confirmed.
 */
export class TooManyDeliveriesError extends JournalError {
  readonly code = 'TOO_MANY_DELIVERIES';
  override readonly retryable = true;
}

/**
 * The entity ended before it answered; the cause says why. `stored` is `'unknown'` when the write
 * of the command was under way, `'yes'` when it was stored and only the answer is missing.
 */
export class EntityStoppedError extends JournalError {
  readonly code = 'ENTITY_STOPPED';
  /** The command was not stored, and the entity ended for a reason that may pass. */
  override readonly retryable: boolean;
  override readonly stored: Stored;

  constructor(message: string, options?: AnswerErrorOptions) {
    super(message, options);
    this.stored = options?.stored ?? 'no';
    this.retryable = this.stored === 'no' && isRetryable(options?.cause);
  }
}

/** The entity has reached its final state, and takes no more commands: certainly not stored. */
export class EntityDoneError extends JournalError {
  readonly code = 'ENTITY_DONE';
}

/**
 * No answer within the time given to `ask`. `stored` is `'no'` when the command had not left the
 * stash: then it is dropped and never runs. `'unknown'`: its write was under way. The cause is what
 * has failed and is being tried again, if anything.
 */
export class AskTimeoutError extends JournalError {
  readonly code = 'ASK_TIMEOUT';
  /** The command was not stored. */
  override readonly retryable: boolean;
  override readonly stored: Stored;

  constructor(message: string, options?: AnswerErrorOptions) {
    super(message, options);
    this.stored = options?.stored ?? 'unknown';
    this.retryable = this.stored === 'no';
  }
}

/** The entity could not be rebuilt from its journal; the cause says why. */
export class RecoveryFailedError extends JournalError {
  readonly code = 'RECOVERY_FAILED';
  /** As its cause; the mark that bounds a read is a write, which may succeed the next time. */
  override readonly retryable: boolean;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.retryable = isRetryable(options?.cause) || options?.cause instanceof WriteFailedError;
  }
}

/**
 * An attempt of invoked work took longer than its retry policy allows. Its signal is aborted; what
 * it does outside may or may not have happened.
 */
export class AttemptTimedOutError extends JournalError {
  readonly code = 'ATTEMPT_TIMED_OUT';
  override readonly stored = 'unknown';
}

/**
 * The last attempt that a retry policy allows had begun, and its outcome is lost: its process
 * ended, or the entity moved or started over. What it does outside may or may not have happened.
 */
export class AttemptInterruptedError extends JournalError {
  readonly code = 'ATTEMPT_INTERRUPTED';
  override readonly stored = 'unknown';
}

/** The key of an entity is gone: what it stored encrypted can never be read again. */
export class KeyForgottenError extends JournalError {
  readonly code = 'KEY_FORGOTTEN';
}

/** A live actor of this process has the same persistence id already. */
export class DuplicateEntityError extends JournalError {
  readonly code = 'DUPLICATE_ENTITY';
}
