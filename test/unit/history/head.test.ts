import { expect } from 'chai';
import { Head } from '../../../src/history/head.ts';
import type { ActionRecord } from '../../../src/model/action.ts';
import { Offset } from '../../../src/model/position.ts';
import { SeqNr } from '../../../src/model/seq-nr.ts';
import { append, deletion, mark, purge } from '../../support/journal/action-records.ts';

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
    const fold = foldOf([append(0, [1, 2]), append(1, 3), mark(2)]);
    expect(fold).to.deep.equal({ ...empty, offsets: [0, 1], last: 3 });
  });

  const deletes: [string, ActionRecord[], number | undefined][] = [
    ['takes the highest delete', [deletion(1, 1), deletion(2, 2)], 2],
    ['does not go back with a lower delete', [deletion(1, 2), deletion(2, 1)], 2],
    ['deletes no further than the last append', [append(0, [1, 2]), deletion(1, 3)], 2],
    [
      'reaches only what lay before: 1.. after delete(10) is alive',
      [deletion(0, 10), append(1, [1, 2])],
      undefined,
    ],
    [
      'reaches only what lay before: 2.. after delete(10) hides 1',
      [deletion(0, 10), append(1, [2, 3])],
      1,
    ],
    [
      'keeps a delete below a later append',
      [append(0, [1, 2]), deletion(1, 1), append(2, [3, 4])],
      1,
    ],
  ];
  for (const [rule, records, deleteTo] of deletes) {
    it(rule, () => expect(foldOf(records).deleteTo).to.equal(deleteTo));
  }

  it('does not go back with a lower delete behind a later append (I3)', () => {
    const fold = foldOf([append(0, [1, 3]), deletion(1, 3), append(2, 4), deletion(3, 1)]);
    expect(fold.deleteTo).to.equal(3);
  });

  it('forgets what a purge removed, and knows that the store is dead (V1)', () => {
    const fold = foldOf([append(0, [1, 3]), deletion(1, 2), purge(2), append(3, 1)], 3);
    expect(fold).to.deep.equal({ ...empty, purged: true, offsets: [3], last: 1 });
  });

  it('stays purged after later deletes and marks', () => {
    expect(foldOf([purge(0), deletion(1, 1), mark(2)]).purged).to.equal(true);
  });

  it('gives the numbers to the record with the smaller offset', () => {
    const fold = foldOf([append(0, [1, 3]), append(1, [3, 4]), append(2, 4)]);
    expect(fold).to.include({ last: 4 });
    expect(fold.offsets).to.deep.equal([0, 2]);
    expect(fold.conflicts).to.deep.equal([1]);
  });

  it('counts the numbers of the store as taken', () => {
    const fold = foldOf([append(10, [3, 8]), append(11, 6)], 5);
    expect(fold.conflicts).to.deep.equal([10]);
    expect(fold.offsets).to.deep.equal([11]);
  });

  it('does not go back to a lower number for a delete that follows a higher one', () => {
    expect(foldOf([deletion(0, 5), deletion(1, 3), append(2, 6)])).to.include({ deleteTo: 5 });
  });

  describe('with a conditional purge', () => {
    const headOf = (...records: ActionRecord[]): Head => {
      const head = new Head();
      for (const one of records) head.add(one);
      return head;
    };
    const offsetsOf = (head: Head): number[] =>
      head.fold(undefined).appends.map(({ at }) => at.offset);

    it('is purged when the action before lies where the purge says', () => {
      const head = headOf(append(4, [1, 3]), mark(5), purge(6, 4), append(7, 1));
      expect([head.purged, offsetsOf(head), head.conditions]).to.deep.equal([true, [7], []]);
    });

    it('goes on as if there were none when something came between', () => {
      const head = headOf(append(4, [1, 3]), deletion(5, 1), purge(6, 4), append(7, 4));
      expect([head.purged, offsetsOf(head), head.conditions]).to.deep.equal([false, [4, 7], []]);
    });

    it('asks the store when nothing of the head came before', () => {
      const head = headOf(mark(4), purge(6, 3), append(7, 1));
      expect([head.purged, offsetsOf(head), head.conditions]).to.deep.equal([false, [7], [3]]);
      head.settlePurge(true);
      expect([head.purged, offsetsOf(head), head.conditions]).to.deep.equal([true, [7], []]);
    });

    it('keeps the store alive when that had moved on', () => {
      const head = headOf(purge(6, 3), append(7, 4));
      head.settlePurge(false);
      expect([head.purged, head.fold(SeqNr.of(3)).last, head.conditions]).to.deep.equal([
        false,
        4,
        [],
      ]);
    });

    it('does not count one that did not count as the action before another', () => {
      const head = headOf(append(4, 1), purge(5, 3), purge(6, 4));
      expect(head.purged).to.equal(true);
    });

    it('counts a purge, also a conditional one, as the action before', () => {
      expect(headOf(purge(4), purge(5, 4), append(6, 1)).conditions).to.deep.equal([]);
      expect(headOf(append(3, 1), purge(4, 3), append(5, 1), purge(6, 3)).purged).to.equal(true);
      expect(offsetsOf(headOf(append(3, 1), purge(4, 3), append(5, 1), purge(6, 3)))).to.deep.equal(
        [5],
      );
    });
  });

  describe('that is partly replicated by now', () => {
    const head = (): Head => {
      const one = new Head();
      for (const record of [
        append(0, [1, 2]),
        purge(1),
        append(2, 1),
        deletion(3, 1),
        append(4, 2),
      ])
        one.add(record);
      return one;
    };

    it('keeps what lies behind', () => {
      const one = head();
      one.forget(Offset.of(2));
      expect([one.purged, one.fold(SeqNr.of(1)).deleteTo]).to.deep.equal([false, 1]);
      expect(one.fold(SeqNr.of(1)).appends.map(({ at }) => at.offset)).to.deep.equal([4]);
    });

    it('knows of the purge until that is replicated', () => {
      const one = head();
      one.forget(Offset.of(0));
      expect(one.purged).to.equal(true);
      one.forget(Offset.of(1));
      expect(one.purged).to.equal(false);
    });

    it('leaves its copies as they are', () => {
      const one = head();
      const copy = one.copy();
      one.forget(Offset.of(4));
      one.add(append(5, 3));
      expect(copy.fold(undefined).appends.map(({ at }) => at.offset)).to.deep.equal([2, 4]);
    });
  });
});
