import type { RowExtended } from '../../history/row-change.ts';
import type { ReplicatedEvent } from '../../model/event.ts';
import type { JournalPointer } from '../../model/journal-pointer.ts';

/** A row of `metajournal`: one generation of one journal. */
export interface JournalRow {
  /** Its number in the database, under which its events lie; never used again. */
  readonly journal: number;
  readonly pointer: JournalPointer;
}

/** A row that begins a generation. */
export interface NewRow {
  readonly pointer: JournalPointer;
  /** Who wrote the journal's first event. */
  readonly origin: string | undefined;
  readonly nowMs: number;
}

/** From the row as it was loaded to what it says from now on. */
export interface RowUpdate {
  readonly row: JournalRow;
  readonly pointer: JournalPointer;
  readonly nowMs: number;
}

/**
 * How one database changes the rows of one journal. Each call is one transaction: row and events
 * change together or not at all.
 *
 * @throws {StoreUnavailableError} from every call: the change may be stored, whole; load the row
 * again
 */
export interface JournalTransactions {
  /** Answers the number of the new row. Of two events with one place the first stays. */
  insert(row: NewRow, events: readonly ReplicatedEvent[]): Promise<number>;
  /** Also deletes the events up to `clearTo`. */
  insertEvents(update: RowUpdate, change: Pick<RowExtended, 'live' | 'clearTo'>): Promise<void>;
  /** Deletes the events up to the `deleteTo` that the row has from now on. */
  deleteEvents(update: RowUpdate): Promise<void>;
  /** The row and all its events. */
  remove(row: JournalRow): Promise<void>;
}
