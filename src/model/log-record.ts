import type { Offset } from './position.ts';

/** A record as the log holds it; the replicator decodes it key by key. */
export interface LogRecord {
  readonly offset: Offset;
  /** Record key; `undefined` for a record without one, which no journal owns. */
  readonly key: Uint8Array | undefined;
  readonly value: Uint8Array | undefined;
  /** Record timestamp, ms since the epoch; `undefined` when the record has none. */
  readonly timestampMs: number | undefined;
  /** In record order; a name may repeat. */
  readonly headers: readonly (readonly [name: string, value: Uint8Array])[];
}
