import { hash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import {
  callName,
  deadlineHeader,
  maxDeadlineMs,
  pathPrefix,
  protocolVersion,
  statuses,
} from './protocol.ts';

/** What the headers of a call say, and what the server knows when they arrive. */
export interface Arrival {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly callsUnderWay: number;
  /** Of their requests and answers. */
  readonly bytesUnderWay: number;
  readonly isClosing: boolean;
}

/** What a server takes. */
export interface AdmissionRules {
  /** `undefined` = none is asked for. */
  readonly token: string | undefined;
  readonly maxMessageBytes: number;
  readonly maxCallsInFlight: number;
  readonly maxBytesInFlight: number;
}

/** Whether a call is taken: under which name and how long, or why not. */
export type Admission =
  | {
      readonly type: 'admitted';
      readonly name: string;
      readonly deadlineMs: number;
      readonly bytes: number;
    }
  | { readonly type: 'refused'; readonly status: number; readonly why: string };

const ownPaths = `${pathPrefix}${protocolVersion}/`;

/**
 * Whether a call is taken: decided by its headers, before its body is read. Without the token a
 * caller learns nothing else.
 */
export function admit(arrival: Arrival, rules: AdmissionRules): Admission {
  const { method, url = '', headers } = arrival;
  if (rules.token !== undefined && !isBearer(headers.authorization, rules.token)) {
    return refused(statuses.wrongToken, 'wrong token, or none');
  }
  const name = method === 'POST' && url.startsWith(ownPaths) ? url.slice(ownPaths.length) : '';
  if (!callName.test(name)) {
    return refused(statuses.unknownPath, `no call of version ${protocolVersion} of the protocol`);
  }
  const deadlineMs = wholeNumber(headers[deadlineHeader], 1, maxDeadlineMs);
  if (deadlineMs === undefined) {
    return refused(statuses.badRequest, `${deadlineHeader} must be a whole number above 0`);
  }
  const bytes = wholeNumber(headers['content-length'], 0, Number.MAX_SAFE_INTEGER);
  if (bytes === undefined) return refused(statuses.badRequest, 'content-length is missing');
  return roomFor(arrival, bytes, rules) ?? { type: 'admitted', name, deadlineMs, bytes };
}

/** Why there is no room for a call of that length. */
function roomFor(arrival: Arrival, bytes: number, rules: AdmissionRules): Admission | undefined {
  if (bytes > rules.maxMessageBytes) return refused(statuses.requestTooLarge, 'too long');
  if (arrival.isClosing) return refused(statuses.closing, 'closing');
  const isFull = arrival.bytesUnderWay + bytes > rules.maxBytesInFlight;
  const isBusy = isFull || arrival.callsUnderWay >= rules.maxCallsInFlight;
  return isBusy ? refused(statuses.busy, 'busy') : undefined;
}

function refused(status: number, why: string): Admission {
  return { type: 'refused', status, why };
}

function wholeNumber(
  text: string | string[] | undefined,
  min: number,
  max: number,
): number | undefined {
  if (typeof text !== 'string' || !/^\d{1,16}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= min && value <= max ? value : undefined;
}

/**
 * Takes the same time for every wrong token of a length: that gives nothing of the right one away.
 */
function isBearer(authorization: string | undefined, token: string): boolean {
  const given = hash('sha256', authorization ?? '', 'buffer');
  return timingSafeEqual(given, hash('sha256', `Bearer ${token}`, 'buffer'));
}
