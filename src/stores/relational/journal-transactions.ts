import type { RowExtended } from '../../history/row-change.ts';
import type { ReplicatedEvent } from '../../model/event.ts';
import type { JournalPointer } from '../../model/journal-pointer.ts';
import type { Partition } from '../../model/position.ts';

/** A row of `metajournal`: one generation of one journal. */
export interface JournalRow {
  /** Its number in the database, under which its events are stored; never used again. */
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
 * change together or not at all. A process that was replaced changes nothing: its call fails.
 */
export interface JournalTransactions {
  /**
   * Answers the number of the new row. Of two events with one place the first stays.
   *
   * @throws {InvalidInputError} nothing stored: JSON cannot hold a payload or the metadata
   * @throws {StoreUnavailableError} may be stored, whole; load the row again
   */
  insert(row: NewRow, events: readonly ReplicatedEvent[]): Promise<number>;
  /**
   * Inserts the events of `live` and deletes those up to `clearTo`.
   *
   * @throws {InvalidInputError} nothing changed: JSON cannot hold a payload or the metadata
   * @throws {StoreUnavailableError} may be changed, whole; load the row again
   */
  insertEvents(update: RowUpdate, change: Pick<RowExtended, 'live' | 'clearTo'>): Promise<void>;
  /**
   * Deletes the events up to the `deleteTo` that the row has from now on.
   *
   * @throws {StoreUnavailableError} may be deleted, whole; load the row again
   */
  deleteEvents(update: RowUpdate): Promise<void>;
  /**
   * Removes the row and all its events.
   *
   * @param by the partition of the purge
   * @throws {StoreUnavailableError} may be removed, whole; load the row again
   */
  remove(row: JournalRow, by: Partition): Promise<void>;
}
