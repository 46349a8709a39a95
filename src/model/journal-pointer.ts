import type { ExpireAfter } from './expire-after.ts';
import type { Offset, PartitionOffset } from './position.ts';
import type { SeqNr } from './seq-nr.ts';

/** What the replicated store knows of one journal as a whole: its metajournal row. */
export interface JournalPointer {
  /** The last append or delete applied to the store. */
  readonly at: PartitionOffset;
  /** Events in one store partition of this journal; fixed when the row was created. */
  readonly segmentSize: number;
  /** Number of the last event, deleted or not. */
  readonly seqNr: SeqNr;
  /** Everything up to and including this number is deleted. */
  readonly deleteTo: SeqNr | undefined;
  readonly expiry: Expiry | undefined;
  /** Names the generation; absent in rows that a delete or an old version created. */
  readonly recordId: string | undefined;
  /** A purge at this offset was begun and not finished: any event before it may be gone. */
  readonly purgingAt?: Offset;
}

/** When an expiring journal may be purged. */
export interface Expiry {
  readonly after: ExpireAfter;
  /** UTC calendar date, `yyyy-mm-dd`. */
  readonly on: string;
}

/** Where a mark landed: everything acknowledged before it has a smaller offset. */
export interface Marker {
  readonly id: string;
  readonly at: PartitionOffset;
}
