import { expect } from 'chai';
import { seed } from '../codec/seed.ts';
import { describeOutcome, runHistories } from './differential/run-histories.ts';

const histories = 2_000;

describe(`property: persistent actors and plain xstate (seed ${seed})`, () => {
  it(`do the same in ${histories} histories, but for what docs/differences.md names`, async () => {
    const outcome = await runHistories({ seed, histories, shrink: true });
    console.log(describeOutcome(outcome));
    expect(outcome.failure ?? 'no difference').to.equal('no difference');
    const idle = outcome.used.filter(([, times]) => times === 0).map(([id]) => id);
    expect(idle, 'rows of docs/differences.md that no history needs').to.deep.equal([]);
  }).timeout(300_000);
});
