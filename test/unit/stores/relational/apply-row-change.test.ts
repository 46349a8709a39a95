import { expect } from 'chai';
import { Key } from '../../../../src/model/key.ts';
import { KeyJournal } from '../../../../src/stores/key-journal.ts';
import { RelationalJournalRows } from '../../../../src/stores/relational/apply-row-change.ts';
import type {
  JournalRow,
  JournalTransactions,
} from '../../../../src/stores/relational/journal-transactions.ts';
import * as given from '../../../contract/replicated-store.ts';

/**
 * The names of the calls that a journal made, and the offsets of the events that came with them.
 */
function recordedRows(): JournalTransactions & { readonly calls: string[] } {
  const calls: string[] = [];
  const offsets = (events: Parameters<JournalTransactions['insert']>[1]): string =>
    events.map(({ record }) => record.at.offset).join(' ');
  return {
    calls,
    insert: async (_, events) => calls.push(`insert ${offsets(events)}`),
    insertEvents: async (_, { live, clearTo }) =>
      void calls.push(
        `insert events ${offsets(live)}${clearTo === undefined ? '' : ` delete to ${clearTo}`}`,
      ),
    deleteEvents: async ({ pointer }) => void calls.push(`delete to ${pointer.deleteTo}`),
    remove: async ({ journal }) => void calls.push(`remove ${journal}`),
  };
}

function journalOn(rows: JournalTransactions, row?: JournalRow): KeyJournal {
  const { topic } = Key.of('journal', 'a');
  return new KeyJournal(new RelationalJournalRows(rows, row), {
    topic,
    segmentSize: 100,
    wakeUps: { load: async () => {}, offset: async () => undefined, save: () => Promise.resolve() },
  });
}

describe('a journal in a relational database', () => {
  it('asks for one change of rows an action, and for none where nothing changes', async () => {
    const rows = recordedRows();
    const journal = journalOn(rows);
    await journal.append(given.append(1, [1, 3]), given.nowMs);
    await journal.append(given.append(1, [1, 3]), given.nowMs);
    await journal.append(given.append(2, [4]), given.nowMs);
    await journal.delete(given.deletion(3, 9), given.nowMs);
    await journal.purge(given.purge(4), given.nowMs);
    await journal.purge(given.purge(5), given.nowMs);
    await journal.append(given.append(4, [1]), given.nowMs);
    expect(rows.calls).to.deep.equal([
      'insert 1 1 1',
      'insert events 2',
      'delete to 4',
      'remove 1',
    ]);
  });

  it('deletes in the transaction of an append what a delete of the same poll covers: no reader sees one without the other', async () => {
    const rows = recordedRows();
    const journal = journalOn(rows);
    await journal.append(given.append(0, [1, 3]), given.nowMs);
    const append = { ...given.append(1, [4]), deleteTo: given.seqNr(2) };
    await journal.append(append, given.nowMs);
    expect(rows.calls).to.deep.equal(['insert 0 0 0', 'insert events 1 delete to 2']);
  });

  it('stands where it stood when its rows could not be changed', async () => {
    const rows = recordedRows();
    const journal = journalOn(rows);
    await journal.append(given.append(1, [1]), given.nowMs);
    const before = journal.pointer;
    rows.insertEvents = () => Promise.reject(new Error('away'));
    const error = await journal.append(given.append(2, [2]), given.nowMs).catch((e: unknown) => e);
    expect(error).to.be.instanceOf(Error);
    expect(journal.pointer).to.equal(before);
  });

  it('leaves the row of a delete of nothing what it is, as old versions made it', async () => {
    const rows = recordedRows();
    const seqNr = given.seqNr(4);
    const pointer = {
      at: given.place(1),
      segmentSize: 100,
      seqNr,
      deleteTo: seqNr,
      expiry: undefined,
      recordId: undefined,
    };
    const journal = journalOn(rows, { journal: 1, pointer });
    expect(await journal.delete(given.deletion(2, 9), given.nowMs)).to.equal(true);
    await journal.append(given.append(3, [5]), given.nowMs);
    expect(journal.pointer).to.deep.equal({ ...pointer, at: given.place(3), seqNr: 5 });
  });

  it('caps a day of expiry that no date of four digits can tell (docs/format.md#relational-tables)', async () => {
    const journal = journalOn(recordedRows());
    await journal.append(given.append(1, [1], given.days(10_000_000)), given.nowMs);
    expect(journal.pointer?.expiry?.on).to.equal('9999-12-31');
  });
});
