import { isUtf8 } from 'node:buffer';
import { RemoteCallError, type Stored } from '../model/errors.ts';
import type { RemoteResponse } from '../ports/remote-calls.ts';
import { protocolVersion, statuses } from './protocol.ts';

/** A call, as far as its errors speak of it. */
export interface CallMade {
  readonly address: string;
  readonly name: string;
  /** Length of its body. */
  readonly bytes: number;
}

/** How a call ended on the wire. */
export type CallEnd =
  | Answer
  /** No complete answer: the connection was not made, or it broke. */
  | { readonly type: 'broken'; readonly error: unknown }
  /** More bytes than one answer may have; the rest was not read. */
  | { readonly type: 'too-large'; readonly limit: number }
  | { readonly type: 'expired'; readonly afterMs: number }
  /** This process closes its side. */
  | { readonly type: 'closing' }
  /** The other process is known to be gone. */
  | { readonly type: 'gone' };

/** A complete answer. */
export interface Answer {
  readonly type: 'answer';
  readonly status: number;
  /** What it names as its protocol version; `undefined` when another program has answered. */
  readonly version: string | undefined;
  readonly body: Buffer;
}

/** Answers of this program by which it did not take the call. */
const notTakenByUs: ReadonlySet<number> = new Set([
  statuses.badRequest,
  statuses.wrongToken,
  statuses.unknownPath,
  statuses.refused,
  statuses.requestTooLarge,
  statuses.busy,
  statuses.closing,
]);

/** Of these: the settings or the call have to change before another try. */
const lasting: ReadonlySet<number> = new Set([statuses.wrongToken, statuses.requestTooLarge]);

/**
 * Answers without our version by which the call was not taken. 400, 413 and 431 also come from the
 * HTTP parser of our own server, which knows no version. Others do not count: a proxy may answer
 * 408, 502, 503 or 504 after it has passed the call on.
 */
const notTakenByAnother: ReadonlySet<number> = new Set([400, 401, 403, 404, 405, 413, 431]);

/**
 * What a call came to.
 *
 * | the body went out | end | result |
 * |---|---|---|
 * | no | any | error, stored `no` |
 * | yes | 200 with our version and UTF-8 text | the answer |
 * | yes | 409 with our version and UTF-8 text | the refusal |
 * | yes | another status of ours that says "not taken" | error, stored `no` |
 * | yes | without our version, a status that says "not taken" | error, stored `no` |
 * | yes | anything else | error, stored `unknown` |
 *
 * An error with stored `no` is retryable unless the process there is another version of ours, wants
 * another token, or takes no message of this size.
 *
 * @param isSent whether the body went to an established connection, at least in part
 */
export function judgeCall(
  call: CallMade,
  end: CallEnd,
  isSent: boolean,
): RemoteResponse | RemoteCallError {
  if (end.type !== 'answer') {
    const cause = end.type === 'broken' ? { cause: end.error } : {};
    return errorOf(call, isSent ? 'unknown' : 'no', whyNoAnswer(call, end, isSent), cause);
  }
  const { status, version, body } = end;
  const isOurs = version === String(protocolVersion);
  if (isSent && isOurs && isUtf8(body)) {
    if (status === statuses.answered) return { type: 'answered', body: body.toString() };
    if (status === statuses.refused) return { type: 'refused', body: body.toString() };
  }
  const notTaken = version === undefined ? notTakenByAnother : notTakenByUs;
  const stored = !isSent || notTaken.has(status) ? 'no' : 'unknown';
  const retryable = mayPass(status, version);
  return errorOf(call, stored, whyThisAnswer(call, status, version), { retryable });
}

function mayPass(status: number, version: string | undefined): boolean {
  return version === undefined || (version === String(protocolVersion) && !lasting.has(status));
}

/** A call that certainly was not taken. */
export function notTaken(
  call: CallMade,
  why: string,
  options: { readonly retryable: boolean },
): RemoteCallError {
  return errorOf(call, 'no', why, options);
}

function errorOf(
  call: CallMade,
  stored: Stored,
  why: string,
  options: ErrorOptions & { readonly retryable?: boolean },
): RemoteCallError {
  const what = stored === 'no' ? 'was not taken' : 'may have been taken, its answer is missing';
  return new RemoteCallError(`call ${call.name} to ${call.address} ${what}: ${why}`, {
    ...options,
    stored,
  });
}

function whyNoAnswer(
  { address }: CallMade,
  end: Exclude<CallEnd, Answer>,
  isSent: boolean,
): string {
  const where = isSent ? '' : ', nothing was sent';
  switch (end.type) {
    case 'expired':
      return isSent ? `no answer within ${end.afterMs} ms` : `not reached within ${end.afterMs} ms`;
    case 'closing':
      return `this process is closing${where}`;
    case 'gone':
      return `the process there has left the fleet, or was expelled${where}`;
    case 'too-large':
      return `the answer is longer than the ${end.limit} bytes of fleet.remote.max-message-size`;
    case 'broken':
      if (isSent) return 'the connection broke before the answer was complete';
      return address.startsWith('https:')
        ? 'no connection; fleet.remote.tls of both processes needs certificates of the same ca'
        : 'no connection; is the process running, and its fleet.remote.host and port reachable?';
  }
}

function whyThisAnswer({ bytes }: CallMade, status: number, version: string | undefined): string {
  if (version === undefined) {
    return `another program than kafka-journal answers there, with HTTP status ${status}`;
  }
  if (version !== String(protocolVersion)) {
    const versions = `version ${version} of the protocol there, ${protocolVersion} here`;
    return `${versions}; run the same release of kafka-journal in all processes`;
  }
  switch (status) {
    case statuses.wrongToken:
      return 'wrong token; fleet.remote.token must be the same in all processes';
    case statuses.requestTooLarge:
      return `its ${bytes} bytes are above the fleet.remote.max-message-size of that process`;
    case statuses.busy:
      return (
        'that process has as many calls under way as its fleet.remote.max-calls-in-flight, or as ' +
        'many bytes as its max-size-in-flight'
      );
    case statuses.closing:
      return 'that process is closing';
    case statuses.answerTooLarge:
      return 'the answer is above the fleet.remote.max-message-size of that process';
    case statuses.handlerFailed:
      return 'that process failed in an unexpected way; its log says how';
    case statuses.answered:
    case statuses.refused:
      return `the answer, HTTP status ${status}, is not UTF-8 text`;
    default:
      return `HTTP status ${status}`;
  }
}
