import { expect } from 'chai';
import { GroupLease } from '../../../../src/kafka/group/group-lease.ts';

describe('the lease of a group member', () => {
  let steadyMs: number;
  let wallMs: number;
  let lease: GroupLease;
  beforeEach(() => {
    steadyMs = 1_000;
    wallMs = 50_000;
    lease = new GroupLease({
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 25_000,
      now: () => ({ steadyMs, wallMs }),
    });
  });
  const pass = (ms: number): void => {
    steadyMs += ms;
    wallMs += ms;
  };
  /** A heartbeat whose answer takes `answerMs`. */
  const beat = (answerMs = 0, answer: 'stable' | 'rebalancing' = 'stable'): void => {
    const sent = lease.moment();
    pass(answerMs);
    lease.confirm(sent, answer);
  };

  it('is not held before a heartbeat was answered: the join may be long past', () => {
    expect(lease.isHeld).to.equal(false);
    expect(lease.isExpired).to.equal(false);
    beat();
    expect(lease.isHeld).to.equal(true);
  });

  it('ends with the session, counted from when the last good heartbeat was sent', () => {
    beat(4_000);
    pass(5_999);
    expect(lease.isHeld).to.equal(true);
    pass(1);
    expect(lease.isHeld).to.equal(false);
    expect(lease.isExpired).to.equal(true);
  });

  it('does not age by an answer that came after those to later heartbeats', () => {
    beat();
    const slow = lease.moment();
    pass(4_000);
    beat();
    pass(4_000);
    beat(0, 'rebalancing');
    pass(1_500);
    // From a coordinator that another broker has replaced meanwhile.
    lease.confirm(slow, 'stable');
    pass(8_000);
    expect(lease.isHeld).to.equal(true);
    pass(500);
    expect(lease.isHeld).to.equal(false);
  });

  it('outlives rebalances in which the member has joined again in time', () => {
    for (let count = 0; count < 10; count++) {
      beat(0, 'rebalancing');
      pass(5_000);
      beat();
      pass(5_000);
      expect(lease.isHeld).to.equal(true);
    }
  });

  it('goes on with each heartbeat', () => {
    for (let count = 0; count < 10; count++) {
      beat();
      pass(9_000);
      expect(lease.isHeld).to.equal(true);
    }
  });

  it('knows of the time in which the process stood still, and of that in which the machine did', () => {
    beat();
    steadyMs += 10_000;
    expect(lease.isHeld).to.equal(false);
    beat();
    wallMs += 10_000;
    expect(lease.isHeld).to.equal(false);
  });

  it('does not live on when the wall clock is set back', () => {
    beat();
    wallMs -= 3_600_000;
    steadyMs += 10_000;
    expect(lease.isHeld).to.equal(false);
  });

  it('ends when the group has waited too long for this member in a rebalance, heartbeats or not', () => {
    beat();
    for (let count = 0; count < 4; count++) {
      pass(5_000);
      beat(0, 'rebalancing');
      expect(lease.isHeld).to.equal(true);
    }
    pass(5_000);
    beat(0, 'rebalancing');
    expect(lease.isHeld).to.equal(false);
  });
});
