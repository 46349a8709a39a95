import type { CallOptions } from '../ports/call-options.ts';

/** How a store is set up: `create` makes what is missing, `check` only looks. */
export interface SetUpOptions extends CallOptions {
  readonly mode: 'create' | 'check';
}
