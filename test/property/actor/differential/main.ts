/** `npm run differential -- [--histories N] [--seed S] [--workers W]` */
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { history } from './arbitrary-history.ts';
import { findDifference } from './compare.ts';
import { describeDifference } from './describe.ts';
import { Differences } from './differences.ts';
import { withoutKnownFaults } from './known-faults.ts';

const { values } = parseArgs({
  options: {
    histories: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
  },
});
const differences = new Differences();
const started = performance.now();
let runs = 0;
const result = await fc.check(
  fc.asyncProperty(history.map(withoutKnownFaults), async (plan) => {
    runs++;
    return (await findDifference(plan, differences)) === undefined;
  }),
  { seed: Number(values.seed), numRuns: Number(values.histories) },
);
console.log(runs, 'runs', Math.round(performance.now() - started), 'ms', result.numShrinks);
if (result.failed && result.counterexample) {
  const [plan] = result.counterexample;
  const difference = await findDifference(plan, differences);
  if (difference) console.log(describeDifference(plan, difference));
  else console.log(result.errorInstance);
}
console.log([...differences.used].map(([id, n]) => `${id} ${n}`).join('\n'));
