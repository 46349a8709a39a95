import { expect } from 'chai';
import { actorClock } from '../../../replicator/actor-clock.ts';
import { ManualClock } from '../../support/replicator/manual-clock.ts';

describe('actorClock', () => {
  it('runs a timer when its time has come on our clock, once', async () => {
    const clock = new ManualClock();
    let runs = 0;
    actorClock(clock).setTimeout(() => runs++, 100);
    await clock.advance(99);
    expect(runs).to.equal(0);
    await clock.advance(1);
    await clock.advance(1_000);
    expect(runs).to.equal(1);
  });

  it('does not run a timer that was cleared, and keeps nothing of it', async () => {
    const clock = new ManualClock();
    const timers = actorClock(clock);
    let runs = 0;
    timers.clearTimeout(timers.setTimeout(() => runs++, 100));
    expect(clock.sleeping).to.equal(0);
    await clock.advance(1_000);
    expect(runs).to.equal(0);
  });
});
