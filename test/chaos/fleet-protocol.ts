import type { Stored } from '../../src/model/errors.ts';

/** One command of the parent, sent through whichever instance it likes. */
export interface Call {
  readonly id: number;
  readonly key: string;
  /** Names what is to be stored; absent = the entity only answers. */
  readonly operation?: string;
  /** The event also begins work, unless the entity works already. */
  readonly isWork: boolean;
  readonly timeoutMs: number;
}

/** What the instance heard. */
export type CallResult =
  | {
      readonly id: number;
      readonly seqNr: number;
      /** Instance that answered, and which of its recoveries of the entity did. */
      readonly life: string;
    }
  | { readonly id: number; readonly stored: Stored; readonly code: string };

/** A beginning or an end of invoked work, at the instance that does it. */
export interface WorkReport {
  readonly type: 'begun' | 'done' | 'aborted';
  /** Key, number of the event that began it, and what is invoked: the same wherever it runs. */
  readonly attempt: string;
  /** By `monotonicMs`. */
  readonly atMs: number;
}

/** What the parent says. */
export type ToInstance = { readonly calls: readonly Call[] } | 'stop';

/** What an instance says. */
export interface FromInstance {
  readonly isReady?: true;
  readonly results: readonly CallResult[];
  readonly works: readonly WorkReport[];
}

/** One clock for all processes of the machine. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** The name of the instance in that of a life. */
export function instanceOf(life: string): string {
  return life.slice(0, life.indexOf('/'));
}
