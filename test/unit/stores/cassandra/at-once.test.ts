import { expect } from 'chai';
import { forEachAtOnce } from '../../../../src/stores/cassandra/at-once.ts';

describe('forEachAtOnce', () => {
  it('works on every item, never on more than the limit at once', async () => {
    const seen: number[] = [];
    let running = 0;
    let most = 0;
    await forEachAtOnce([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
      most = Math.max(most, ++running);
      await new Promise(setImmediate);
      seen.push(item);
      running--;
    });
    expect(seen.sort((a, b) => a - b)).to.deep.equal([1, 2, 3, 4, 5, 6, 7]);
    expect(most).to.equal(3);
  });

  it('begins no further item after a failure, and rejects when those under way have settled', async () => {
    const begun: number[] = [];
    const settled: number[] = [];
    const failure = new Error('second');
    const run = forEachAtOnce([1, 2, 3, 4], 2, async (item) => {
      begun.push(item);
      if (item === 2) throw failure;
      await new Promise(setImmediate);
      settled.push(item);
    });
    expect(await run.catch((error: unknown) => error)).to.equal(failure);
    expect([begun, settled]).to.deep.equal([[1, 2], [1]]);
  });
});
