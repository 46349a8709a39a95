import { inspect } from 'node:util';
import { expect } from 'chai';
import fc from 'fast-check';
import { seed } from '../codec/seed.ts';
import { history } from './differential/arbitrary-history.ts';
import { findSnapshotDifference, type SnapshotFigures } from './differential/from-snapshot.ts';
import { lostPlaces } from './differential/mutants/hunt-mutants.ts';
import { describeOutcome, runHistories } from './differential/run-histories.ts';

/** Enough for every run: `npm run differential` compares as many as one likes. */
const histories = 500;
const snapshotHistories = 100;

describe(`property: persistent actors and plain xstate (seed ${seed})`, () => {
  it(`do the same in ${histories} histories, but for what docs/differences.md names`, async () => {
    const outcome = await runHistories({ seed, histories, shrink: true });
    console.log(describeOutcome(outcome));
    expect(outcome.failure ?? 'no difference').to.equal('no difference');
    const idle = outcome.used.filter(([, times]) => times === 0).map(([id]) => id);
    expect(idle, 'rows of docs/differences.md that no history needs').to.deep.equal([]);
  }).timeout(300_000);

  it(`recover alike from a snapshot and from events, at every step of ${snapshotHistories} histories`, async () => {
    const figures: SnapshotFigures = { compared: 0, withSnapshot: 0, refused: [] };
    const plan = fc.record({ history, every: fc.integer({ min: 1, max: 4 }) });
    const property = fc.asyncProperty(plan, async (given) => {
      const difference = await findSnapshotDifference(given, figures);
      if (difference !== undefined) throw new Error(inspect({ given, difference }, { depth: 30 }));
    });
    await fc.assert(property, { seed, numRuns: snapshotHistories });
    const { compared, withSnapshot, refused } = figures;
    console.log(`${compared} comparisons, ${withSnapshot} with a snapshot`);
    expect([...new Set(refused)], 'states of which no snapshot could be taken').to.deep.equal([]);
    expect(withSnapshot).to.be.greaterThan(snapshotHistories);
  }).timeout(300_000);

  it('have mutants whose places are in the code', () => {
    expect(lostPlaces()).to.deep.equal([]);
  });
});
