import { expect } from 'chai';
import { type KeyWrite, planWrites } from '../../../../replicator/apply/replicate-records.ts';
import { decidePurges } from '../../../../src/history/conditional-purge.ts';
import type { ActionRecord } from '../../../../src/model/action.ts';
import {
  actionRecord,
  append,
  deleteTo,
  mark,
  purge,
  purgeOnlyAt,
  type Step,
} from '../../../support/replicator/records.ts';

/** Records of one key at offsets 10, 11, … */
const records = (...steps: readonly Step[]): readonly ActionRecord[] =>
  steps.map((step, index) => actionRecord('a', 10 + index, step));

function textOf(write: KeyWrite): string {
  if (write.type === 'append') return `append@${write.at.offset}`;
  if (write.type === 'delete') return `delete@${write.at.offset} to ${write.to}`;
  const only = write.onlyAt === undefined ? '' : ` only at ${write.onlyAt}`;
  const rows = write.upTo === undefined ? '' : ` rows to ${write.upTo}`;
  return `purge@${write.at.offset}${only}${rows}`;
}

const plan = (...steps: readonly Step[]): readonly string[] =>
  planWrites(records(...steps)).writes.map(textOf);

describe('a conditional purge', () => {
  it('counts when the last action before it in the poll lies where it says', () => {
    expect(plan(append(1), append(2, 3), purgeOnlyAt(11))).to.deep.equal(['purge@12 rows to 3']);
  });

  it('looks over marks', () => {
    expect(plan(append(1), mark, mark, purgeOnlyAt(10))).to.deep.equal(['purge@13 rows to 1']);
  });

  it('does not count when something was written in between (I19)', () => {
    expect(plan(append(1), append(2), purgeOnlyAt(10))).to.deep.equal(['append@11']);
    expect(plan(append(1, 3), deleteTo(2), purgeOnlyAt(10))).to.deep.equal([
      'append@10',
      'delete@11 to 2',
    ]);
  });

  it('is no border when it does not count: what stands before it is merged with what follows', () => {
    expect(plan(append(1), purgeOnlyAt(4), append(2))).to.deep.equal(['append@12']);
  });

  it('is left to the store when nothing of the journal stands before it in the poll', () => {
    expect(plan(mark, purgeOnlyAt(4), append(1), deleteTo(1))).to.deep.equal([
      'purge@11 only at 4',
      'append@12',
      'delete@13 to 1',
    ]);
  });

  it('stays in order with others that are left to the store', () => {
    expect(plan(purgeOnlyAt(4), purgeOnlyAt(7))).to.deep.equal([
      'purge@10 only at 4',
      'purge@11 only at 7',
    ]);
  });

  it('that does not count is as if it had never been written', () => {
    const decided = decidePurges(records(append(1), purgeOnlyAt(4), purgeOnlyAt(10)));
    expect(decided.map(({ at }) => at.offset)).to.deep.equal([10, 12]);
    expect(plan(append(1), purgeOnlyAt(4), purgeOnlyAt(11))).to.deep.equal(['append@10']);
  });

  it('makes an older one needless when it counts, and a purge without condition makes all of them', () => {
    expect(plan(purgeOnlyAt(4), append(1), purgeOnlyAt(11))).to.deep.equal(['purge@12 rows to 1']);
    expect(plan(purgeOnlyAt(4), append(1), purgeOnlyAt(3), purge)).to.deep.equal([
      'purge@13 rows to 1',
    ]);
  });

  it('costs nothing where there is none', () => {
    const plain = records(append(1), purge, append(1));
    expect(decidePurges(plain)).to.equal(plain);
  });
});

describe('a purge', () => {
  it('names the highest number of all appends before it, which are not written (V7)', () => {
    expect(plan(append(1, 9), purge, append(1, 3), deleteTo(2), purge, append(1))).to.deep.equal([
      'purge@14 rows to 9',
      'append@15',
    ]);
    expect(plan(purge)).to.deep.equal(['purge@10']);
  });
});

describe('the last write of a poll', () => {
  it('lies at the last action, also when that was not worth a write', () => {
    expect(plan(deleteTo(10), deleteTo(6), mark)).to.deep.equal(['delete@11 to 10']);
    expect(plan(append(1, 9), deleteTo(7), deleteTo(3), append(10))).to.deep.equal([
      'append@10',
      'delete@11 to 7',
      'append@13',
    ]);
  });
});
