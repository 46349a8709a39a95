import { expect } from 'chai';
import { Head } from '../../../src/journal/head.ts';
import type { ActionRecord } from '../../../src/model/action.ts';
import { Key } from '../../../src/model/key.ts';
import { Offset, Partition } from '../../../src/model/position.ts';
import { SeqNr } from '../../../src/model/seq-nr.ts';

const key = Key.of('journal', 'id');
const stamp = { origin: undefined, version: undefined };

function record(offset: number, header: ActionRecord['action']['header']): ActionRecord {
  const at = { partition: Partition.of(0), offset: Offset.of(offset) };
  const common = { key, timestampMs: 0 };
  if (header.type !== 'append') return { at, action: { ...common, header } };
  return { at, action: { ...common, header, value: new Uint8Array(), headers: {} } };
}

function append(offset: number, from: number, to = from): ActionRecord {
  const range = { from: SeqNr.of(from), to: SeqNr.of(to) };
  return record(offset, { type: 'append', range, payloadType: 'json', metadata: {}, ...stamp });
}

const deletion = (offset: number, to: number): ActionRecord =>
  record(offset, { type: 'delete', to: SeqNr.of(to), ...stamp });
const purge = (offset: number): ActionRecord => record(offset, { type: 'purge', ...stamp });
const mark = (offset: number): ActionRecord =>
  record(offset, { type: 'mark', id: `m${offset}`, ...stamp });

function foldOf(records: readonly ActionRecord[], lastStored?: number) {
  const head = new Head();
  for (const one of records) head.add(one);
  const fold = head.fold(lastStored === undefined ? undefined : SeqNr.of(lastStored));
  return {
    purged: head.purged,
    offsets: fold.appends.map(({ at }) => at.offset),
    deleteTo: fold.deleteTo,
    last: fold.last,
    conflicts: fold.conflicts.map(({ loser }) => loser.at.offset),
  };
}

const empty = { purged: false, offsets: [], deleteTo: undefined, last: undefined, conflicts: [] };

describe('Head', () => {
  it('is empty while it holds only marks', () => {
    expect(foldOf([mark(0), mark(1)])).to.deep.equal(empty);
  });

  it('keeps every append and ends at the last number', () => {
    const fold = foldOf([append(0, 1, 2), append(1, 3), mark(2)]);
    expect(fold).to.deep.equal({ ...empty, offsets: [0, 1], last: 3 });
  });

  const deletes: [string, ActionRecord[], number | undefined][] = [
    ['takes the highest delete', [deletion(1, 1), deletion(2, 2)], 2],
    ['does not go back with a lower delete', [deletion(1, 2), deletion(2, 1)], 2],
    ['deletes no further than the last append', [append(0, 1, 2), deletion(1, 3)], 2],
    [
      'reaches only what lay before: 1.. after delete(10) is alive',
      [deletion(0, 10), append(1, 1, 2)],
      undefined,
    ],
    [
      'reaches only what lay before: 2.. after delete(10) hides 1',
      [deletion(0, 10), append(1, 2, 3)],
      1,
    ],
    ['keeps a delete below a later append', [append(0, 1, 2), deletion(1, 1), append(2, 3, 4)], 1],
  ];
  for (const [rule, records, deleteTo] of deletes) {
    it(rule, () => expect(foldOf(records).deleteTo).to.equal(deleteTo));
  }

  it('forgets what a purge removed, and knows that the store is dead (V1)', () => {
    const fold = foldOf([append(0, 1, 3), deletion(1, 2), purge(2), append(3, 1)], 3);
    expect(fold).to.deep.equal({ ...empty, purged: true, offsets: [3], last: 1 });
  });

  it('stays purged after later deletes and marks', () => {
    expect(foldOf([purge(0), deletion(1, 1), mark(2)]).purged).to.equal(true);
  });

  it('gives the numbers to the record with the smaller offset', () => {
    const fold = foldOf([append(0, 1, 3), append(1, 3, 4), append(2, 4)]);
    expect(fold).to.include({ last: 4 });
    expect(fold.offsets).to.deep.equal([0, 2]);
    expect(fold.conflicts).to.deep.equal([1]);
  });

  it('counts the numbers of the store as taken', () => {
    const fold = foldOf([append(10, 3, 8), append(11, 6)], 5);
    expect(fold.conflicts).to.deep.equal([10]);
    expect(fold.offsets).to.deep.equal([11]);
  });
});
