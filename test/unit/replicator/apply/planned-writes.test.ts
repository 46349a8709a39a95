import { expect } from 'chai';
import { type KeyWrite, planWrites } from '../../../../replicator/apply/replicate-records.ts';
import type { ActionRecord } from '../../../../src/model/action.ts';
import {
  actionRecord,
  append,
  deleteTo,
  mark,
  purge,
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
