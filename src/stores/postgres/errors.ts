import {
  AccessDeniedError,
  InvalidInputError,
  JournalError,
  NotSetUpError,
  StoreUnavailableError,
  WriteRejectedError,
} from '../../model/errors.ts';

/**
 * What the driver's errors have in common; recognised by shape, so that one file alone imports it.
 */
interface DriverErrorShape {
  readonly message?: string;
  /** SQLSTATE of a server's error, or the system's code of a socket's. */
  readonly code?: unknown;
  /** Only errors of the server have one. */
  readonly severity?: unknown;
}

/** SQLSTATE by its beginning, the first that fits; what is not here may pass: try again. */
const meanings: readonly (readonly [start: string, meaning: Meaning])[] = [
  ['28', 'denied'],
  ['42501', 'denied'],
  // Database, schema, table, column or type that does not exist.
  ['3D', 'missing'],
  ['3F', 'missing'],
  ['42', 'missing'],
  ['22', 'invalid'],
  ['23', 'invalid'],
  // A limit of the server: an id too long for an index, a row too large.
  ['54', 'too large'],
];

type Meaning = 'denied' | 'missing' | 'invalid' | 'too large' | 'transient';

/** The server answered with an error that leaves the connection fit for the next statement. */
export function keepsConnection(error: unknown): boolean {
  const shape = shapeOf(error);
  return shape.severity === 'ERROR' && meaningOf(shape) !== 'transient';
}

/** The error of the catalogue that says what the driver's error means; `place` names the server. */
export function toJournalError(error: unknown, place: string): JournalError {
  if (error instanceof JournalError) return error;
  const shape = shapeOf(error);
  const cause = { cause: error };
  switch (meaningOf(shape)) {
    case 'denied':
      return new AccessDeniedError(`${place} refuses: ${shape.message}`, cause);
    case 'missing':
      return new NotSetUpError(`${place} is not set up: ${shape.message}`, cause);
    case 'invalid':
      return new InvalidInputError(`${place} refuses a value: ${shape.message}`, cause);
    case 'too large':
      return new WriteRejectedError(`${place}: ${shape.message}`, cause);
    case 'transient':
      return new StoreUnavailableError(`${place} does not answer: ${shape.message}`, cause);
  }
}

function meaningOf({ code, message, severity }: DriverErrorShape): Meaning {
  // The driver's own words: the two do not agree on a login.
  if (severity === undefined && message?.startsWith('SASL: ')) return 'denied';
  if (severity === undefined || typeof code !== 'string') return 'transient';
  return meanings.find(([start]) => code.startsWith(start))?.[1] ?? 'transient';
}

function shapeOf(error: unknown): DriverErrorShape {
  return (error ?? {}) as DriverErrorShape;
}
