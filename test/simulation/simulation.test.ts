import { randomInt } from 'node:crypto';
import { expect } from 'chai';
import { outsideMicrotasks } from './core/drain.ts';
import { runHistory } from './history.ts';
import { describeSeeds } from './report.ts';
import { runSeeds } from './run-seeds.ts';

const histories = 1_000;
const seed = Number(process.env['KAFKA_JOURNAL_SIMULATION_SEED'] ?? randomInt(2 ** 40));

describe('simulation of clients, replicators, log and store', () => {
  it(`breaks no rule in ${histories} histories from seed ${seed}`, async () => {
    const result = await runSeeds({ from: seed, count: histories });
    console.log(describeSeeds(result));
    expect(result.violations).to.deep.equal([]);
    expect(result.figures.reads).to.be.above(histories);
    expect(result.figures.crashes).to.be.above(0);
    expect(result.figures.zombies).to.be.above(0);
    expect(result.figures.movedKeys).to.be.above(0);
    const { acknowledged, voidTold, losses, foreign, doubts, lateMarks } = result.figures;
    const ofHolders = { acknowledged, voidTold, losses, foreign, doubts, lateMarks };
    for (const [name, count] of Object.entries(ofHolders)) expect(count, name).to.be.above(0);
  });

  it('gives the same history for the same seed, traced or not', async () => {
    for (let one = seed; one < seed + 20; one++) {
      const [first, second] = await outsideMicrotasks(() => [
        runHistory(one, { trace: true }),
        runHistory(one, { trace: true }),
      ]);
      const untraced = await outsideMicrotasks(() => runHistory(one, { trace: false }));
      expect(second?.trace, `seed ${one}`).to.deep.equal(first?.trace);
      expect(untraced.hash, `seed ${one}`).to.equal(first?.hash);
    }
  });

  it('gives different histories for different seeds', async () => {
    const hashes = await outsideMicrotasks(() =>
      Array.from({ length: 50 }, (_, index) => runHistory(seed + index, { trace: false }).hash),
    );
    expect(new Set(hashes).size).to.equal(50);
  });
});
