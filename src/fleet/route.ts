import type { EventObject } from 'xstate';
import { type CheckedTerms, defaultAskTimeoutMs } from '../actor/entity/ask.ts';
import type { AskOptions } from '../actor/registry/entities.ts';
import {
  type AnswerErrorOptions,
  AskTimeoutError,
  DeadlineExceededError,
} from '../model/errors.ts';
import type { Key } from '../model/key.ts';
import type { FleetMember } from '../ports/fleet-membership.ts';
import type { Upkeep } from './calls/call-codec.ts';

/** What a caller wants of an entity. */
export type Errand =
  | {
      readonly name: 'ask' | 'send';
      readonly command: EventObject;
      readonly terms: CheckedTerms;
    }
  | Upkeep;

/** For messages: what did not happen, or may have. */
export function textsOf(errand: Errand): ErrandTexts {
  switch (errand.name) {
    case 'ask':
    case 'send': {
      const what = `"${errand.command.type}"`;
      return { what, not: 'it is not stored and will not run', perhaps: 'it may be stored' };
    }
    case 'delete-events': {
      const what = `the deletion of events up to ${errand.to}`;
      return { what, not: 'nothing is or will be deleted', perhaps: 'they may be deleted' };
    }
    case 'purge': {
      const perhaps = 'it may be purged: look before you purge it again';
      return { what: 'the purge', not: 'nothing is or will be purged', perhaps };
    }
  }
}

interface ErrandTexts {
  readonly what: string;
  readonly not: string;
  readonly perhaps: string;
}

/** The time of a caller is over. */
export function timeoutOf(errand: Errand, text: string, options: AnswerErrorOptions): Error {
  const Type = 'command' in errand ? AskTimeoutError : DeadlineExceededError;
  return new Type(text, options);
}

/** One errand on its way. */
export interface Route {
  readonly id: string;
  readonly errand: Errand;
  readonly key: Key;
  readonly timeoutMs: number;
  readonly endMs: number;
  /** Of the next try in this process. */
  options: AskOptions | undefined;
  readonly signal: AbortSignal | undefined;
  /** Whom another process has named, and its generation. */
  named: { readonly owner: FleetMember; readonly generation: number } | undefined;
  hops: number;
  waits: number;
  /** Why the last try came to nothing. */
  failure: unknown;
}

/** `again`: something is known by now that was not before. `wait`: nothing is. */
export type Tried<R> = R | 'again' | 'wait';

/** At its beginning. */
export const newRoute = {
  timeoutMs: defaultAskTimeoutMs,
  options: undefined,
  signal: undefined,
  named: undefined,
  hops: 0,
  waits: 0,
  failure: undefined,
};

/**
 * A command that comes before its partition is served waits there for so long, then with its
 * caller.
 */
export const longestStayMs = 250;
