import { expect } from 'chai';
import { joinStack } from '../support/stack/shared-stack.ts';
import { runChaos } from './chaos-run.ts';

const none = { lost: 0, duplicated: 0, reordered: 0, missing: 0 };
const seed = Date.now() % 1_000_000;

describe('chaos', function () {
  this.timeout(180_000);

  it(`loses, doubles and reorders nothing over three kills (seed ${seed})`, async () => {
    await using stack = await joinStack();
    const result = await runChaos({ stack, kills: 3, seed, note: () => {} });
    expect(result.acknowledged).to.be.greaterThan(0);
    expect(result.atLag).to.deep.equal(none);
    expect(result.replicated).to.deep.equal(none);
  });
});
