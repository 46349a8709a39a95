import { expect } from 'chai';
import { CalmWatch } from '../../../../src/kafka/fleet/calm-watch.ts';

describe('whether a fleet is calm', () => {
  it('not before its members have stayed the same for the delay', () => {
    const calm = new CalmWatch(3_000);
    calm.saw(['a', 'b'], 10_000);
    expect(calm.isCalm(12_999)).to.equal(false);
    expect(calm.isCalm(13_000)).to.equal(true);
  });

  it('rounds of the same members change nothing, in whatever order they come', () => {
    const calm = new CalmWatch(3_000);
    calm.saw(['a', 'b'], 10_000);
    calm.saw(['b', 'a'], 12_000);
    expect(calm.isCalm(13_000)).to.equal(true);
  });

  it('one that comes, and one that goes, end it', () => {
    const calm = new CalmWatch(3_000);
    calm.saw(['a'], 0);
    calm.saw(['a', 'b'], 10_000);
    expect(calm.isCalm(10_000)).to.equal(false);
    calm.saw(['b'], 12_000);
    expect(calm.isCalm(14_999)).to.equal(false);
    expect(calm.isCalm(15_000)).to.equal(true);
  });

  it('it ends with a step of balancing, for a second, or for the delay if that is less', () => {
    for (const [delayMs, pauseMs] of [
      [3_000, 1_000],
      [400, 400],
    ] as const) {
      const calm = new CalmWatch(delayMs);
      calm.saw(['a', 'b'], 0);
      calm.hasStepped(10_000);
      calm.saw(['a', 'b'], 10_001);
      expect(calm.isCalm(10_000 + pauseMs - 1)).to.equal(false);
      expect(calm.isCalm(10_000 + pauseMs)).to.equal(true);
    }
  });
});
