import type { RowExtended } from '../../history/row-change.ts';
import type { ReplicatedEvent } from '../../model/event.ts';
import type { Key } from '../../model/key.ts';
import type { Partition } from '../../model/position.ts';
import { eventCells } from '../relational/event-row.ts';
import type {
  JournalRow,
  JournalTransactions,
  NewRow,
  RowUpdate,
} from '../relational/journal-transactions.ts';
import type { StoreTables } from './eventual-journal.ts';

/** What a journal needs of the store around it. */
export interface JournalTransactionsDeps {
  readonly key: Key;
  readonly tables: StoreTables;
  /** Runs statements as a part of the next transaction, as the owner of the partition. */
  readonly write: <T>(partition: Partition, statements: () => T) => Promise<T>;
}

/** The rows of one journal: each call is applied whole, in one transaction. */
export class SqliteJournalTransactions implements JournalTransactions {
  readonly #deps: JournalTransactionsDeps;

  constructor(deps: JournalTransactionsDeps) {
    this.#deps = deps;
  }

  async insert(row: NewRow, events: readonly ReplicatedEvent[]): Promise<number> {
    const { key, tables, write } = this.#deps;
    const cells = events.map(eventCells);
    return await write(row.pointer.at.partition, () => {
      const journal = tables.metajournal.insert(key, row);
      for (const event of cells) tables.events.insert(journal, event);
      return journal;
    });
  }

  async insertEvents(
    change: RowUpdate,
    { live, clearTo }: Pick<RowExtended, 'live' | 'clearTo'>,
  ): Promise<void> {
    const { tables, write } = this.#deps;
    const cells = live.map(eventCells);
    await write(change.pointer.at.partition, () => {
      tables.metajournal.update(change);
      if (clearTo !== undefined) tables.events.deleteTo(change.row.journal, clearTo);
      for (const event of cells) tables.events.insert(change.row.journal, event);
    });
  }

  async deleteEvents(change: RowUpdate): Promise<void> {
    const { tables, write } = this.#deps;
    await write(change.pointer.at.partition, () => {
      tables.metajournal.update(change);
      tables.events.deleteTo(change.row.journal, change.pointer.deleteTo ?? 0);
    });
  }

  async remove({ journal }: JournalRow, by: Partition): Promise<void> {
    const { tables, write } = this.#deps;
    await write(by, () => {
      tables.events.deleteAll(journal);
      tables.metajournal.delete(journal);
    });
  }
}
