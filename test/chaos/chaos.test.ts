import { expect } from 'chai';
import { joinStack } from '../support/stack/shared-stack.ts';
import { runChaos } from './chaos-run.ts';
import { noDamage } from './ledger.ts';

/** Some 400 appends a second: what runs beside this needs the processor, too. */
const restMs = 100;
const seed = Date.now() % 1_000_000;

describe('chaos', function () {
  this.timeout(180_000);

  for (const store of ['cassandra', 'postgres'] as const) {
    it(`loses, doubles and reorders nothing over three faults on ${store} (seed ${seed})`, async () => {
      await using stack = await joinStack();
      const result = await runChaos({ stack, kills: 3, seed, store, restMs, note: () => {} });
      expect(result.acknowledged).to.be.greaterThan(0);
      expect(result.atLag).to.deep.equal(noDamage);
      expect(result.replicated).to.deep.equal(noDamage);
    });
  }
});
