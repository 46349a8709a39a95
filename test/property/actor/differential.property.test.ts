import { expect } from 'chai';
import { seed } from '../codec/seed.ts';
import { lostPlaces } from './differential/mutants/hunt-mutants.ts';
import { chunk, describeOutcome, runHistories, together } from './differential/run-histories.ts';

const histories = 2_000;
/** A chunk with a history for the rarest row, which not every run meets. */
const rareSeed = 20_145;

describe(`property: persistent actors and plain xstate (seed ${seed})`, () => {
  it(`do the same in ${histories} histories, but for what docs/differences.md names`, async () => {
    const outcome = together([
      await runHistories({ seed, histories, shrink: true }),
      await runHistories({ seed: rareSeed, histories: chunk, shrink: true }),
    ]);
    console.log(describeOutcome(outcome));
    expect(outcome.failure ?? 'no difference').to.equal('no difference');
    const idle = outcome.used.filter(([, times]) => times === 0).map(([id]) => id);
    expect(idle, 'rows of docs/differences.md that no history needs').to.deep.equal([]);
  }).timeout(300_000);

  it('have mutants whose places are in the code', () => {
    expect(lostPlaces()).to.deep.equal([]);
  });
});
