import type { RowChange } from '../../history/row-change.ts';
import type { JournalPointer } from '../../model/journal-pointer.ts';
import type { ChangeTime, JournalRows } from '../key-journal.ts';
import type { JournalRow, JournalTransactions } from './journal-transactions.ts';

/**
 * The rows of one journal in a relational database. No reader sees a row without its events, and no
 * append is ever stored in part, so what a change says of doubtful rows and of the time while
 * events are removed means nothing here.
 */
export class RelationalJournalRows implements JournalRows {
  readonly #transactions: JournalTransactions;
  #row: JournalRow | undefined;

  /** @param row as it was loaded */
  constructor(transactions: JournalTransactions, row: JournalRow | undefined) {
    this.#transactions = transactions;
    this.#row = row;
  }

  get pointer(): JournalPointer | undefined {
    return this.#row?.pointer;
  }

  async apply(change: RowChange, { at, nowMs }: ChangeTime): Promise<void> {
    const transactions = this.#transactions;
    if (change.type === 'create') {
      const { pointer, origin, live } = change;
      const journal = await transactions.insert({ pointer, origin, nowMs }, live);
      this.#row = { journal, pointer };
      return;
    }
    const row = this.#row;
    if (row === undefined || change.type === 'none') return;
    if (change.type === 'remove') {
      await transactions.remove(row, at.partition);
      this.#row = undefined;
      return;
    }
    const { journal } = row;
    const { pointer } = change;
    if (change.type === 'shorten') {
      await transactions.deleteEvents({ row, pointer, nowMs });
    } else {
      await transactions.insertEvents({ row, pointer, nowMs }, change);
    }
    this.#row = { journal, pointer };
  }
}
