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
  readonly headers: readonly LogHeader[];
}

/**
 * A header as the log holds it. Kafka allows one without value, whatever a client's types say.
 * `nameBytes` is there only when the name is no UTF-8: its text has U+FFFD where the bytes are
 * malformed.
 */
export type LogHeader = readonly [
  name: string,
  value: Uint8Array | undefined,
  nameBytes?: Uint8Array,
];
