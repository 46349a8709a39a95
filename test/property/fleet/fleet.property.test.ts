import { expect } from 'chai';
import { type Disturbances, FleetHistory } from './history.ts';

const none = { freezes: false, crashes: false, losses: false, lateViews: false };
const worlds: Readonly<Record<string, Disturbances>> = {
  'members that come and go': none,
  'views that come late': { ...none, lateViews: true },
  'processes that stand still': { ...none, lateViews: true, freezes: true },
  'crashes, lost calls and lost heartbeats': { ...none, crashes: true, losses: true },
  'everything at once': { freezes: true, crashes: true, losses: true, lateViews: true },
};

const count = Number(process.env.FLEET_SEEDS ?? 6);
const first = Number(process.env.FLEET_SEED ?? Math.floor(Math.random() * 1e9));

describe('a fleet', function () {
  this.timeout(count * 5_000);

  for (const [name, disturbances] of Object.entries(worlds)) {
    it(`keeps its promises with ${name} (seeds ${first} to ${first + count - 1})`, async () => {
      let [answered, asked] = [0, 0];
      for (let seed = first; seed < first + count; seed++) {
        const history = new FleetHistory(seed, disturbances);
        try {
          await history.run();
        } catch (error) {
          const trace = process.env.FLEET_TRACE === undefined ? '' : history.trace.join('\n');
          throw new Error(`seed ${seed}: ${String(error)}\n${trace}`, { cause: error });
        }
        asked += history.asked.length;
        answered += history.asked.filter(({ outcome }) => outcome === 'answered').length;
      }
      if (process.env.FLEET_TRACE !== undefined) console.log(`${name}: ${answered} of ${asked}`);
      // Most of the rest is asked while nobody can answer; it is to be no world of refusals only.
      expect(answered / asked).to.be.greaterThan(0.3);
    });
  }
});
