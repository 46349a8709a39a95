/**
 * How a call looks on the wire: `POST /kafka-journal/fleet/<version>/<name>` with JSON text as its
 * body. Every answer of this program carries its version in a header, so that a caller can
 * distinguish it from another program that listens at the same port.
 */

/** Processes of different versions refuse each other's calls. Raise it when the meaning changes. */
export const protocolVersion = 1;

/** Where the path of a call begins; the version and the name follow. */
export const pathPrefix = '/kafka-journal/fleet/';

/** Of an answer: the protocol version of the process that gives it. */
export const versionHeader = 'kafka-journal-fleet';

/**
 * Of a call: ms that its caller still waits. A time of day would need clocks that agree.
 */
export const deadlineHeader = 'kafka-journal-deadline-ms';

/** What a name of a call must look like. */
export const callName = /^[a-z][a-z-]{0,63}$/;

/** Longest time that a call may take, in ms: that of a timer. */
export const maxDeadlineMs = 0x7fffffff;

/**
 * A body longer than this is sent only after the other process has agreed to take it. What is
 * shorter is read to its end when it is refused, and the connection stays usable.
 */
export const askFirstAboveBytes = 65_536;

/** The HTTP statuses of answers. */
export const statuses = {
  answered: 200,
  badRequest: 400,
  wrongToken: 401,
  /** No such path, or that of another version. */
  unknownPath: 404,
  /** The handler refused. */
  refused: 409,
  requestTooLarge: 413,
  /** As many calls, or bytes, are under way as may be. */
  busy: 429,
  handlerFailed: 500,
  closing: 503,
  answerTooLarge: 507,
} as const;

/** Time limits, in ms; tests choose smaller ones. */
export interface RemoteLimits {
  /** From the first packet of a connection until the other process agrees to take a call. */
  readonly reachMs: number;
  /** A connection that sends no complete headers within this time is closed. */
  readonly headersMs: number;
  /** The caller closes a connection that it did not use for so long. */
  readonly idleAtCallerMs: number;
  /**
   * The server closes a connection that was not used for so long. If it came before the caller, a
   * call could be written to a connection that is closing, and its outcome would be unknown.
   */
  readonly idleAtServerMs: number;
  /** Disposing waits so long for the answers of the calls that it aborted. */
  readonly closeMs: number;
  /** It then keeps its connections until no call has come for so long, `closeMs` at most. */
  readonly quietMs: number;
}

/** The limits of every process: no setting changes them. */
export const defaultLimits: RemoteLimits = {
  reachMs: 5_000,
  headersMs: 30_000,
  idleAtCallerMs: 15_000,
  idleAtServerMs: 60_000,
  closeMs: 1_000,
  quietMs: 100,
};
