import { expect } from 'chai';
import { describeMutant } from '../report.ts';
import { holdingMutants } from './holding-mutants.ts';
import { huntMutants } from './hunt-mutants.ts';
import { mutants } from './mutant-list.ts';

/** Histories that a mutant is given before the crash points are tried. */
const maxSeeds = 700;
const atOnce = 2;

describe('rules of reading and writing that are removed one by one', () => {
  it(`shows each of ${holdingMutants.length + mutants.length} to be missing`, async () => {
    const hunted = await huntMutants({ from: 1, maxSeeds, knownFirst: true, workers: atOnce });
    for (const mutant of hunted) console.log(describeMutant(mutant).slice(0, 200));
    const survivors = hunted.filter(({ text }) => text === undefined).map(({ name }) => name);
    expect(survivors).to.deep.equal([]);
  });
});
