import { expect } from 'chai';
import { Lease } from '../../../src/runtime/lease.ts';

describe('a lease', () => {
  let steadyMs: number;
  let wallMs: number;
  let lease: Lease;
  beforeEach(() => {
    steadyMs = 1_000;
    wallMs = 50_000;
    lease = new Lease({ sessionTimeoutMs: 10_000, now: () => ({ steadyMs, wallMs }) });
  });

  it('is held from the sending of the first sign of life that was answered', () => {
    const sent = lease.moment();
    steadyMs += 4_000;
    expect(lease.isHeld).to.equal(false);
    lease.confirm(sent);
    steadyMs += 5_999;
    expect(lease.isHeld).to.equal(true);
    steadyMs += 1;
    expect(lease.isHeld).to.equal(false);
  });

  it('ends by the clock that saw more time pass', () => {
    lease.confirm(lease.moment());
    wallMs += 10_000;
    expect(lease.isHeld).to.equal(false);
    lease.confirm(lease.moment());
    wallMs -= 3_600_000;
    steadyMs += 9_999;
    expect(lease.isHeld).to.equal(true);
    steadyMs += 1;
    expect(lease.isHeld).to.equal(false);
  });

  it('is over for good once it was ended', () => {
    lease.confirm(lease.moment());
    lease.end();
    lease.confirm(lease.moment());
    expect(lease.isHeld).to.equal(false);
  });
});
