import {
  AccessDeniedError,
  InvalidInputError,
  JournalError,
  NotSetUpError,
  StoreUnavailableError,
  WriteRejectedError,
} from '../../model/errors.ts';

/**
 * What the driver's errors have in common; recognised by shape, so that one file alone imports the
 * driver.
 */
interface DriverErrorShape {
  readonly name?: string;
  readonly message?: string;
  readonly code?: unknown;
  readonly innerErrors?: Readonly<Record<string, unknown>>;
  readonly isSocketError?: boolean;
}

/** Codes of the native protocol's ERROR message, section 9. */
const code = {
  badCredentials: 0x0100,
  unavailable: 0x1000,
  functionFailure: 0x1400,
  syntax: 0x2000,
  unauthorized: 0x2100,
  invalid: 0x2200,
} as const;

const missing = /unconfigured table|does(n't| not) exist|undefined column|unknown identifier/i;
const tooLarge = /too large|oversized|exceeds|exceeded/i;

/**
 * The same statement may succeed in a moment: a node was busy, slow, away, or the connection
 * broke.
 */
export function isTransient(error: unknown): boolean {
  return !(error instanceof JournalError) && toJournalError(error, '').retryable;
}

/**
 * The error of the catalogue that says what the driver's error means; `place` names the servers.
 */
export function toJournalError(error: unknown, place: string): JournalError {
  if (error instanceof JournalError) return error;
  const shape = (error ?? {}) as DriverErrorShape;
  const cause = { cause: error };
  const denied = deniedBy(shape);
  if (denied !== undefined) return new AccessDeniedError(`${place} refuses: ${denied}`, cause);
  if (shape.name === 'ResponseError') return ofResponse(shape, place, cause);
  if (shape.name === 'ArgumentError' || shape.name === 'TypeError') {
    return new InvalidInputError(`${place}: ${shape.message}`, cause);
  }
  return new StoreUnavailableError(`${place} does not answer`, cause);
}

function ofResponse(shape: DriverErrorShape, place: string, cause: ErrorOptions): JournalError {
  const message = shape.message ?? '';
  if (typeof shape.code !== 'number' || shape.code < code.syntax) {
    if (tooLarge.test(message)) return new WriteRejectedError(`${place}: ${message}`, cause);
    return new StoreUnavailableError(`${place} could not do it: ${message}`, cause);
  }
  if (missing.test(message)) return new NotSetUpError(`${place} is not set up: ${message}`, cause);
  if (tooLarge.test(message)) return new WriteRejectedError(`${place}: ${message}`, cause);
  return new NotSetUpError(
    `${place} has another schema than this version needs: ${message}`,
    cause,
  );
}

/** The server's words when it refuses the user, whichever host said so. */
function deniedBy(shape: DriverErrorShape): string | undefined {
  if (shape.name === 'AuthenticationError') return shape.message;
  if (shape.code === code.unauthorized || shape.code === code.badCredentials) return shape.message;
  for (const inner of Object.values(shape.innerErrors ?? {})) {
    const denied = deniedBy((inner ?? {}) as DriverErrorShape);
    if (denied !== undefined) return denied;
  }
  return undefined;
}
