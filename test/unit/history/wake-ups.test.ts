import { expect } from 'chai';
import { changeOfWakeUp, suspectOf } from '../../../src/history/wake-ups.ts';
import type { ActionRecord } from '../../../src/model/action.ts';
import type { JournalPointer } from '../../../src/model/journal-pointer.ts';
import { Offset, Partition } from '../../../src/model/position.ts';
import { SeqNr } from '../../../src/model/seq-nr.ts';
import type { Wake, WakeUpChange, WakeUpReason } from '../../../src/model/wake-up.ts';
import { append, deletion, mark, purge } from '../../support/journal/action-records.ts';

const at = (offset: number, seqNr: number, wake?: Wake): ActionRecord =>
  append(offset, seqNr, wake === undefined ? {} : { wake });

const set = (dueMs: number, offset: number, reason: WakeUpReason = 'time'): WakeUpChange => ({
  type: 'set',
  wakeUp: { dueMs, reason, offset: Offset.of(offset) },
});
const remove = (offset: number): WakeUpChange => ({ type: 'remove', offset: Offset.of(offset) });

function row(offset: number, seqNr: number, partition = 0): JournalPointer {
  const place = { partition: Partition.of(partition), offset: Offset.of(offset) };
  return {
    at: place,
    segmentSize: 10,
    seqNr: SeqNr.of(seqNr),
    deleteTo: undefined,
    expiry: undefined,
    recordId: undefined,
  };
}

const written = (record: ActionRecord, timestampMs: number): ActionRecord => ({
  ...record,
  action: { ...record.action, timestampMs },
});

describe('what records make of a wake-up (docs/format.md#wake-ups)', () => {
  const cases: readonly (readonly [string, readonly ActionRecord[], WakeUpChange | undefined])[] = [
    ['nothing changes nothing', [], undefined],
    ['a time is due then', [at(4, 1, 50)], set(50, 4)],
    ['"now" is due when it was written', [written(at(4, 1, 'now'), 70)], set(70, 4, 'now')],
    ['"now" before the epoch is due then', [written(at(4, 1, 'now'), -9)], set(0, 4, 'now')],
    ['"none" removes it', [at(4, 1, 'none')], remove(4)],
    ['an append that does not say it changes nothing', [at(4, 1)], undefined],
    ['the last append that says it decides', [at(4, 1, 50), at(5, 2, 9), at(6, 3)], set(9, 5)],
    ['"none" after a time removes it', [at(4, 1, 50), at(5, 2, 'none')], remove(5)],
    ['a delete changes nothing', [deletion(4, 9)], undefined],
    ['a delete of all changes nothing', [at(4, 1, 50), deletion(5, 1)], set(50, 4)],
    ['a mark changes nothing', [at(4, 1, 50), mark(5)], set(50, 4)],
    ['a purge removes it', [at(4, 1, 50), purge(5)], remove(5)],
    ['a purge alone removes it', [purge(5)], remove(5)],
    ['the next life has its own', [at(4, 3, 50), purge(5), at(6, 1, 8)], set(8, 6)],
    ['the next life does not inherit it', [at(4, 3, 50), purge(5), at(6, 1)], remove(5)],
    ['a conditional purge that takes effect removes it', [at(4, 1, 50), purge(5, 4)], remove(5)],
    ['one that does not changes nothing', [at(4, 1, 50), purge(5, 3)], set(50, 4)],
    ['an append that loses says nothing', [at(4, 2, 50), at(5, 2, 'none')], set(50, 4)],
    ['also in the middle', [at(4, 2, 50), at(5, 1, 7), at(6, 3)], set(50, 4)],
  ];
  for (const [name, records, expected] of cases) {
    it(name, () => {
      expect(changeOfWakeUp(records, undefined)).to.deep.equal(expected);
    });
  }

  it('asks the row which append loses and which purge takes effect', () => {
    expect(changeOfWakeUp([at(9, 3, 50)], row(4, 3))).to.equal(undefined);
    expect(changeOfWakeUp([at(9, 4, 50)], row(4, 3))).to.deep.equal(set(50, 9));
    expect(changeOfWakeUp([purge(9, 4)], row(4, 3))).to.deep.equal(remove(9));
    expect(changeOfWakeUp([purge(9, 3)], row(4, 3))).to.equal(undefined);
    expect(changeOfWakeUp([purge(9, 4)], row(4, 3, 1))).to.equal(undefined);
    expect(changeOfWakeUp([purge(9, 4)], undefined)).to.equal(undefined);
  });

  it('takes records again that are in the row already, and asks the row for those after it', () => {
    const again = [at(4, 1, 50), at(5, 2, 60)];
    expect(changeOfWakeUp(again, row(5, 2))).to.deep.equal(set(60, 5));
    expect(changeOfWakeUp([at(4, 1, 50), at(5, 1, 'none')], row(5, 1))).to.deep.equal(set(50, 4));
    expect(changeOfWakeUp([...again, at(6, 2, 'none')], row(5, 2))).to.deep.equal(set(60, 5));
    expect(changeOfWakeUp([...again, at(6, 3, 'none')], row(5, 2))).to.deep.equal(remove(6));
    expect(changeOfWakeUp([...again, purge(6, 5)], row(5, 2))).to.deep.equal(remove(6));
    expect(changeOfWakeUp([purge(4, 3)], row(5, 2))).to.equal(undefined);
  });
});

describe('suspectOf', () => {
  const range = { after: 40, upTo: Offset.of(90) };
  const cases: readonly [
    name: string,
    row: number,
    stored: number | undefined,
    suspect?: number,
  ][] = [
    ['was not written after what is known', 40, undefined],
    ['was not written, however old its wake-up is', 40, 3],
    ['was written where nobody kept it', 41, undefined, 41],
    ['the same, and has one from before', 50, 40, 50],
    ['the same, and a later one, but was written after that', 50, 49, 50],
    ['has one from its last record', 50, 50],
    ['has one from a record that the row does not show yet', 50, 60],
    ['was written where it is kept as well', 95, undefined, 90],
    ['the same, and has one from before', 95, 89, 90],
    ['the same, and has one that was rebuilt', 95, 90],
    ['the same, and has one from there', 95, 91],
  ];
  for (const [name, row, stored, suspect] of cases) {
    it(`${suspect === undefined ? 'lets be' : 'suspects'} a journal that ${name}`, () => {
      const offset = stored === undefined ? undefined : Offset.of(stored);
      expect(suspectOf(Offset.of(row), offset, range)).to.equal(suspect);
    });
  }

  it('suspects all that have none where nothing is known', () => {
    const nothing = { ...range, after: -1 };
    expect(suspectOf(Offset.of(0), undefined, nothing)).to.equal(0);
    expect(suspectOf(Offset.of(0), Offset.of(0), nothing)).to.equal(undefined);
  });
});
