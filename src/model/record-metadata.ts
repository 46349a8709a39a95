import type { ExpireAfter } from './expire-after.ts';
import type { JsonValue } from './payload.ts';

/** Metadata in the record header: readable without parsing the value. */
export interface HeaderMetadata {
  readonly data?: JsonValue | undefined;
}

/** Metadata in the record value. */
export interface PayloadMetadata {
  readonly expireAfter?: ExpireAfter | undefined;
  readonly data?: JsonValue | undefined;
}

/** Both halves, as applications see them and as Cassandra's `metadata` column stores them. */
export interface RecordMetadata {
  readonly header: HeaderMetadata;
  readonly payload: PayloadMetadata;
}

/** The metadata of a record that carries none. */
export const RecordMetadata = {
  empty: Object.freeze({ header: Object.freeze({}), payload: Object.freeze({}) }) as RecordMetadata,
};
