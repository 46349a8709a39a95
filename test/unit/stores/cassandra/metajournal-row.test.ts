import { expect } from 'chai';
import { Key } from '../../../../src/model/key.ts';
import { MetaJournalRow, type RowState } from '../../../../src/stores/cassandra/metajournal-row.ts';
import { SegmentNr } from '../../../../src/stores/cassandra/segment.ts';
import type { CassandraSession } from '../../../../src/stores/cassandra/session-types.ts';
import { metaJournalStatements } from '../../../../src/stores/cassandra/tables/metajournal-table.ts';
import * as given from '../../../contract/replicated-store.ts';

const statements = metaJournalStatements('metajournal');
const names = new Map(Object.entries(statements).map(([name, cql]) => [cql as string, name]));
const key = Key.of('topic', 'id');
const [segment] = SegmentNr.ofId(key.id);
const expiry = { after: { length: 1n, unit: 'day' }, on: '2024-01-02' } as const;

/** A row that this process made, with number 8, deleted and cleared up to 3. */
async function ownRow() {
  const sent: string[] = [];
  const session = {
    write: async (cql: string) => {
      sent.push(names.get(cql) ?? cql);
    },
  } as unknown as CassandraSession;
  const row = new MetaJournalRow({ session, statements, key, segment, row: undefined });
  const pointer = {
    at: given.place(1),
    segmentSize: 10,
    seqNr: given.seqNr(8),
    deleteTo: given.seqNr(3),
    expiry: undefined,
    recordId: undefined,
  };
  let timestamp = 0;
  const time = () => ({ nowMs: given.nowMs, timestamp: ++timestamp });
  await row.create({ pointer, clearedTo: undefined, origin: undefined }, time());
  sent.length = 0;
  const change = async (changes: Partial<RowState['pointer']>, clearedTo?: number) => {
    await row.change(
      { pointer: { ...pointer, at: given.place(2), ...changes }, clearedTo },
      time(),
    );
    return sent;
  };
  return { row, change };
}

describe('MetaJournalRow', () => {
  const deleted = { deleteTo: given.seqNr(5) };
  const appended = { seqNr: given.seqNr(9) };
  for (const [what, statement, changes, clearedTo] of [
    ['nothing but the offset', 'updateSeqNr', {}, undefined],
    ['the number', 'updateSeqNr', appended, undefined],
    ['the expiry', 'updateExpiry', { expiry }, undefined],
    ['what is deleted', 'updateDeleted', deleted, 3],
    ['what is deleted, and the expiry', 'updateAll', { ...deleted, expiry }, 3],
    ['what is cleared', 'updateCleared', {}, 1],
    ['what is cleared, and the number', 'updateDeleted', appended, 1],
    ['what is cleared, and the expiry', 'updateAll', { expiry }, 1],
  ] as const) {
    it(`writes no less than has changed: ${what}`, async () => {
      const { row, change } = await ownRow();
      expect(await change(changes, clearedTo)).to.deep.equal([statement]);
      expect(row.pointer).to.deep.include(changes);
      expect(row.clearedBelow).to.equal(clearedTo ?? 3);
    });
  }
});
