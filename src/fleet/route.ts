import { type CheckedTerms, defaultAskTimeoutMs } from '../actor/entity/ask.ts';
import type { AskOptions } from '../actor/registry/entities.ts';
import type { Key } from '../model/key.ts';
import type { FleetMember } from '../ports/fleet-membership.ts';

/** One command on its way. */
export interface Route {
  readonly id: string;
  readonly command: { readonly type: string };
  readonly terms: CheckedTerms;
  readonly key: Key;
  readonly timeoutMs: number;
  readonly endMs: number;
  /** Of the next local `ask`. */
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
  terms: {},
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
