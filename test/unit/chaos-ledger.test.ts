import { expect } from 'chai';
import { type Acknowledged, damageOf, noDamage as none, type Recovered } from '../chaos/ledger.ts';

const acknowledged: readonly Acknowledged[] = ['a', 'b', 'c'].map((operation, index) => ({
  key: 'k',
  seqNr: index + 1,
  operation,
}));

const journal = (...operations: [operation: string, seqNr: number][]): readonly Recovered[] =>
  operations.map(([operation, seqNr]) => ({ operation, seqNr }));

describe('damageOf', () => {
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
    [
      'counts holes in front of the first event',
      journal(['b', 2], ['c', 3]),
      { ...none, lost: 1, missing: 1 },
    ],
    ['counts holes', journal(['a', 1], ['b', 2], ['c', 3], ['d', 6]), { ...none, missing: 2 }],
  ];
  for (const [rule, events, damage] of cases) {
    it(rule, () =>
      expect(damageOf({ acknowledged }, new Map([['k', events]]))).to.deep.equal(damage),
    );
  }

  it('counts everything of a journal that is gone', () => {
    expect(damageOf({ acknowledged }, new Map())).to.deep.equal({ ...none, lost: 3 });
  });

  describe('with deletes', () => {
    const deleted = new Map([['k', { asked: 2, acknowledged: 1 }]]);
    const damageOfEvents = (...events: Parameters<typeof journal>) =>
      damageOf({ acknowledged, deleted }, new Map([['k', journal(...events)]]));

    it('lets one that was asked for have happened or not while it is not acknowledged', () => {
      expect(damageOfEvents(['b', 2], ['c', 3])).to.deep.equal(none);
      expect(damageOfEvents(['c', 3])).to.deep.equal(none);
    });

    it('counts events that are there although their delete was acknowledged', () => {
      const damage = damageOfEvents(['a', 1], ['b', 2], ['c', 3]);
      expect(damage).to.deep.equal({ ...none, undeleted: 1 });
    });

    it('counts what nobody asked to delete', () => {
      const damage = damageOfEvents(['d', 4]);
      expect(damage).to.deep.equal({ ...none, lost: 1, missing: 1 });
    });
  });
});
