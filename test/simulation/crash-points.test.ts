import { expect } from 'chai';
import { runCrashPoints } from './crash-points.ts';

describe('death of a process, or delay, at each of its external calls', () => {
  it('leaves each journal as its records say, whichever call it was and on whichever side of it', async () => {
    const results = await runCrashPoints();
    const points = results.reduce((sum, result) => sum + result.points, 0);
    console.log(`${points} crash points in ${results.length} scenarios`);
    expect(results.flatMap(({ differences }) => differences)).to.deep.equal([]);
    for (const { name, points: some } of results) expect(some, name).to.be.above(10);
  });
});
