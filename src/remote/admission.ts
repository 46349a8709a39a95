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
  readonly isClosing: boolean;
}

/** What a server takes. */
export interface AdmissionRules {
  /** `undefined` = none is asked for. */
  readonly token: string | undefined;
  readonly maxMessageBytes: number;
  readonly maxCallsInFlight: number;
}

export type Admission =
  | {
      readonly type: 'admitted';
      readonly name: string;
      readonly deadlineMs: number;
      readonly bytes: number;
    }
  | { readonly type: 'refused'; readonly status: number; readonly why: string };

/**
 * Whether a call is taken: decided by its headers, before its body is read. Without the token a
 * caller learns nothing else.
 */
export function admit(arrival: Arrival, rules: AdmissionRules): Admission {
  const { method, url = '', headers } = arrival;
  if (rules.token !== undefined && !isBearer(headers.authorization, rules.token)) {
    return refused(statuses.wrongToken, 'wrong token, or none');
  }
  const [version, name, ...rest] = url.startsWith(pathPrefix)
    ? url.slice(pathPrefix.length).split('/')
    : [];
  if (version !== String(protocolVersion)) {
    return refused(statuses.unknownPath, `no path of version ${protocolVersion} of the protocol`);
  }
  if (method !== 'POST' || rest.length > 0 || name === undefined || !callName.test(name)) {
    return refused(statuses.unknownPath, 'no call; it must be POST with a name');
  }
  const deadlineMs = wholeNumber(headers[deadlineHeader], maxDeadlineMs);
  if (deadlineMs === undefined || deadlineMs === 0) {
    return refused(statuses.badRequest, `${deadlineHeader} must be a whole number above 0`);
  }
  const bytes = wholeNumber(headers['content-length'], Number.MAX_SAFE_INTEGER);
  if (bytes === undefined) return refused(statuses.badRequest, 'content-length is missing');
  if (bytes > rules.maxMessageBytes) return refused(statuses.requestTooLarge, 'too long');
  if (arrival.isClosing) return refused(statuses.closing, 'closing');
  if (arrival.callsUnderWay >= rules.maxCallsInFlight) return refused(statuses.busy, 'busy');
  return { type: 'admitted', name, deadlineMs, bytes };
}

function refused(status: number, why: string): Admission {
  return { type: 'refused', status, why };
}

function wholeNumber(text: string | string[] | undefined, max: number): number | undefined {
  if (typeof text !== 'string' || !/^\d{1,16}$/.test(text)) return undefined;
  const value = Number(text);
  return value <= max ? value : undefined;
}

/** Takes the same time for every wrong token of a length: that gives nothing of the right one away. */
function isBearer(authorization: string | undefined, token: string): boolean {
  const given = hash('sha256', authorization ?? '', 'buffer');
  return timingSafeEqual(given, hash('sha256', `Bearer ${token}`, 'buffer'));
}
