import type { Offset, TopicPartition } from './position.ts';

/**
 * A tenure is the right of one process to write one partition, for one scope. Its opening mark is a
 * record of that partition; the mark's offset is the tenure's number (docs/format.md#tenures).
 */
export interface Tenure {
  /** Services that share a topic, but never a journal, have different scopes. */
  readonly scope: string;
  /** Where its opening mark is. */
  readonly of: Offset;
}

/** Longest scope, in characters: scopes are keys of a table in every store. */
export const maxScopeLength = 255;

/** A text that a tenure can have as its scope. */
export function isScope(text: string): boolean {
  return text.length <= maxScopeLength && text.isWellFormed();
}

/** What an opening mark says. */
export interface TenureOpening {
  readonly scope: string;
  /** A UUID of the process, for messages only. */
  readonly holder: string;
  /** Where the holder can be reached, if it says so. */
  readonly address: string | undefined;
}

/** An opening mark that was found in the log. */
export interface OpenedTenure extends TenureOpening {
  readonly offset: Offset;
}

/** A scope of one partition. */
export interface TenurePlace extends TopicPartition {
  readonly scope: string;
}

/**
 * The last opening mark of a scope at or before some offset; `undefined` = there is none;
 * `'unknown'` = not all opening marks up to that offset are known.
 */
export type LastTenure = Offset | undefined | 'unknown';
