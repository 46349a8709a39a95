import { expect } from 'chai';

import { Outcome, totalsLine } from '../../../support/run/outcome.ts';

const outcome = (counts: Partial<Outcome>): Outcome => ({
  name: 'any',
  passed: 0,
  skipped: 0,
  failures: [],
  durationMs: 0,
  notes: [],
  ...counts,
});

describe('totals of a run', () => {
  it('are the sums over all tools and levels', () => {
    const failure = { title: 'a rule', detail: '' };
    const outcomes = [
      outcome({ passed: 2 }),
      outcome({ passed: 3, failures: [failure, failure] }),
      Outcome.failed('lint', failure),
    ];
    expect(totalsLine(outcomes)).to.equal('5 passed, 3 failed');
  });

  it('name what was skipped only when something was', () => {
    expect(totalsLine([outcome({ passed: 1, skipped: 2 })])).to.equal(
      '1 passed, 0 failed, 2 skipped',
    );
  });
});
