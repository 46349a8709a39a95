import { expect } from 'chai';
import { CassandraKeyJournal } from '../../../src/cassandra/cassandra-key-journal.ts';
import type { CassandraSession } from '../../../src/cassandra/cassandra-session.ts';
import { SegmentNr } from '../../../src/cassandra/segment.ts';
import { journalStatements } from '../../../src/cassandra/tables/journal-table.ts';
import { metaJournalStatements } from '../../../src/cassandra/tables/metajournal-table.ts';
import { pointerStatements } from '../../../src/cassandra/tables/pointer-table.ts';
import type { JournalPointer } from '../../../src/model/journal-pointer.ts';
import { Key } from '../../../src/model/key.ts';
import * as given from '../../contract/replicated-store.ts';

const tables = {
  journal: journalStatements('journal'),
  metaJournal: metaJournalStatements('metajournal'),
  pointer: pointerStatements('pointer2'),
};
const names = new Map(
  Object.entries(tables).flatMap(([table, statements]) =>
    Object.entries(statements).map(([name, cql]) => [cql as string, `${table}.${name}`]),
  ),
);

/** Remembers the statements in their order, a batch as one with its number of rows. */
function open(segmentSize: number, pointer?: Partial<JournalPointer>) {
  const sent: string[] = [];
  const session = {
    write: async (cql: string) => void sent.push(names.get(cql) ?? cql),
    writeBatch: async (cql: string, rows: readonly unknown[]) =>
      void sent.push(`${names.get(cql)} × ${rows.length}`),
  } as unknown as CassandraSession;
  const head: JournalPointer = {
    at: given.place(1),
    segmentSize,
    seqNr: given.seqNr(8),
    deleteTo: undefined,
    expiry: undefined,
    recordId: undefined,
    ...pointer,
  };
  const key = Key.of('topic', 'id');
  const [segment] = SegmentNr.ofId(key.id);
  const state = {
    session,
    tables,
    segmentSize,
    key,
    segment,
    pointer: pointer === undefined ? undefined : head,
  };
  return { sent, journal: new CassandraKeyJournal(state) };
}

describe('CassandraKeyJournal', () => {
  it('stores event rows before the row of the journal, segments in ascending order', async () => {
    const { sent, journal } = open(3);
    await journal.append(given.append(5, [2, 7]), given.nowMs);
    expect(sent).to.deep.equal([
      'journal.insert × 2',
      'journal.insert × 3',
      'journal.insert',
      'metaJournal.insert',
    ]);
  });

  it('cuts a batch at 200 rows', async () => {
    const { sent, journal } = open(10_000, {});
    await journal.append(given.append(5, [9, 459]), given.nowMs);
    expect(sent).to.deep.equal([
      'journal.insert × 200',
      'journal.insert × 200',
      'journal.insert × 51',
      'metaJournal.updateSeqNr',
    ]);
  });

  it('cuts a batch at 128 KiB, and never splits an event', async () => {
    const { sent, journal } = open(10_000, {});
    const sizes = [50_000, 50_000, 50_000, 300_000, 10];
    const [first, ...rest] = sizes.map((size, index) =>
      given.eventRecord(9 + index, 5, { payload: { type: 'text', value: 'x'.repeat(size) } }),
    );
    if (first === undefined) throw new Error('there is a first');
    await journal.append(
      { at: given.place(5), events: [first, ...rest], expireAfter: undefined },
      given.nowMs,
    );
    expect(sent).to.deep.equal([
      'journal.insert × 2',
      'journal.insert',
      'journal.insert',
      'journal.insert',
      'metaJournal.updateSeqNr',
    ]);
  });

  it('deletes in two phases: what is deleted, the rows, the offset (D.7.5-3)', async () => {
    const { sent, journal } = open(3, {});
    await journal.delete(given.deletion(5, 5), given.nowMs);
    expect(sent).to.deep.equal([
      'metaJournal.updateDeleteTo',
      'journal.deleteSegment',
      'journal.deleteTo',
      'metaJournal.updateOffset',
    ]);
  });

  it('deletes only what is new when it made the deletes before itself', async () => {
    const { sent, journal } = open(3, {});
    await journal.delete(given.deletion(5, 4), given.nowMs);
    sent.length = 0;
    await journal.delete(given.deletion(6, 7), given.nowMs);
    await journal.delete(given.deletion(7, 2), given.nowMs);
    expect(sent).to.deep.equal([
      'metaJournal.updateDeleteTo',
      'journal.deleteSegment',
      'journal.deleteTo',
      'metaJournal.updateOffset',
      'metaJournal.updateOffset',
    ]);
  });

  it('does not clear more than 100 segments below a delete that another process made', async () => {
    const { sent, journal } = open(2, {
      seqNr: given.seqNr(1_000_000),
      deleteTo: given.seqNr(900_000),
    });
    await journal.delete(given.deletion(5, 900_002), given.nowMs);
    expect(sent.filter((statement) => statement.startsWith('journal.'))).to.have.length(102);
  });

  it('purges every segment, whatever was deleted before, and the row last (D.7.5-6)', async () => {
    const { sent, journal } = open(3, { deleteTo: given.seqNr(8) });
    await journal.purge(given.purge(5), given.nowMs);
    expect(sent).to.deep.equal([...Array(4).fill('journal.deleteSegment'), 'metaJournal.delete']);
  });

  it('removes an expiry before the offset moves, so that it cannot outlive its reason', async () => {
    const { sent, journal } = open(10, { expiry: { after: given.days(1), on: '2024-02-29' } });
    await journal.append(given.append(5, [9]), given.nowMs);
    expect(sent).to.deep.equal([
      'journal.insert',
      'metaJournal.deleteExpiry',
      'metaJournal.updateSeqNr',
    ]);
  });
});
