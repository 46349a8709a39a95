import { expect } from 'chai';
import { type Acknowledged, damageOf, type Recovered } from '../chaos/ledger.ts';

const acknowledged: readonly Acknowledged[] = ['a', 'b', 'c'].map((operation, index) => ({
  key: 'k',
  seqNr: index + 1,
  operation,
}));

const journal = (...operations: [operation: string, seqNr: number][]): readonly Recovered[] =>
  operations.map(([operation, seqNr]) => ({ operation, seqNr }));

describe('damageOf', () => {
  const none = { lost: 0, duplicated: 0, reordered: 0, missing: 0 };
  const cases: [rule: string, events: readonly Recovered[], damage: object][] = [
    ['finds nothing in a whole journal', journal(['a', 1], ['b', 2], ['c', 3]), none],
    [
      'allows events whose acknowledgement was lost',
      journal(['a', 1], ['b', 2], ['c', 3], ['d', 4]),
      none,
    ],
    ['counts what is not there', journal(['a', 1], ['b', 2]), { ...none, lost: 1 }],
    [
      'counts what is there twice',
      journal(['a', 1], ['b', 2], ['c', 3], ['c', 4]),
      { ...none, duplicated: 1, reordered: 1 },
    ],
    ['counts what is elsewhere', journal(['a', 1], ['c', 2], ['b', 3]), { ...none, reordered: 2 }],
    ['counts holes', journal(['a', 1], ['b', 2], ['c', 3], ['d', 6]), { ...none, missing: 2 }],
  ];
  for (const [rule, events, damage] of cases) {
    it(rule, () => expect(damageOf(acknowledged, new Map([['k', events]]))).to.deep.equal(damage));
  }

  it('counts everything of a journal that is gone', () => {
    expect(damageOf(acknowledged, new Map())).to.deep.equal({ ...none, lost: 3 });
  });
});
