import { randomInt } from 'node:crypto';
import { expect } from 'chai';
import { type CrashPoint, runCrashPoints } from './crash-points.ts';
import { shownBy } from './mutants/shown-by.ts';

/** One order of the calls in each run; `npm run simulate -- --crash-points` tries three. */
const seed = Number(process.env['KAFKA_JOURNAL_SIMULATION_SEED'] ?? randomInt(2 ** 40));

/** Not every order shows every rule that is missing: of these scenarios, those that once did. */
function tellingOrders(): readonly CrashPoint[] {
  const points = [...shownBy.values()].filter((shown) => typeof shown === 'object');
  return [...new Map(points.map((point) => [`${point.scenario} ${point.seed}`, point])).values()];
}

describe(`death of a process, or delay, at each of its external calls (seed ${seed})`, () => {
  it('leaves each journal as its records say, whichever call it was and on whichever side of it', async () => {
    const results = [...(await runCrashPoints({ seeds: [seed] }))];
    for (const { scenario, seed: known } of tellingOrders())
      results.push(...(await runCrashPoints({ only: scenario, seeds: [known] })));
    const points = results.reduce((sum, result) => sum + result.points, 0);
    console.log(`${points} crash points in ${results.length} scenarios`);
    expect(results.flatMap(({ differences }) => differences)).to.deep.equal([]);
    for (const { name, points: some } of results) expect(some, name).to.be.above(10);
  });
});
