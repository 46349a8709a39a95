import { expect } from 'chai';
import fc from 'fast-check';
import { Alarms } from '../../../src/runtime/alarms.ts';
import { seed } from '../../property/codec/seed.ts';
import { ManualClock } from '../actor/support.ts';

describe('alarms', () => {
  it(`come at their times, each once, whatever is set and taken (seed ${seed})`, async () => {
    const id = fc.constantFrom('a', 'b', 'c', 'd', 'e');
    const step = fc.oneof(
      fc.record({ type: fc.constant('set' as const), id, inMs: fc.nat(20) }),
      fc.record({ type: fc.constant('take' as const), id }),
      fc.record({ type: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 5 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 200 }), async (steps) => {
        const clock = new ManualClock();
        const woken: string[] = [];
        const closing = new AbortController();
        const alarms = new Alarms({
          clock,
          closing: closing.signal,
          wake: (one) => woken.push(`${one} at ${clock.nowMs()}`),
        });
        const model = new Map<string, number>();
        const expected: string[] = [];
        for (const one of steps) {
          if (one.type === 'set') {
            const atMs = clock.nowMs() + one.inMs + 1;
            model.set(one.id, atMs);
            alarms.set(one.id, { atMs, failures: 0 });
          } else if (one.type === 'take') {
            expect(alarms.take(one.id)?.atMs).to.equal(model.get(one.id));
            model.delete(one.id);
          } else {
            const endMs = clock.nowMs() + one.ms;
            const due = [...model].filter(([, atMs]) => atMs <= endMs);
            for (const [dueId, atMs] of due) {
              expected.push(`${dueId} at ${atMs}`);
              model.delete(dueId);
            }
            await clock.pass(one.ms);
            expect(woken.splice(0).sort()).to.deep.equal(expected.splice(0).sort());
          }
          expect(alarms.size).to.equal(model.size);
        }
        closing.abort();
      }),
      { seed, numRuns: 50 },
    );
  });

  it('come in portions when many are due at once', async () => {
    const clock = new ManualClock();
    let woken = 0;
    const closing = new AbortController();
    const alarms = new Alarms({ clock, closing: closing.signal, wake: () => woken++ });
    const atMs = clock.nowMs() + 10;
    for (let i = 0; i < 120; i++) alarms.set(String(i), { atMs, failures: 0 });
    await clock.pass(10);
    expect(woken).to.equal(50);
    await clock.pass(100);
    expect(woken).to.equal(100);
    await clock.pass(100);
    expect(woken).to.equal(120);
    closing.abort();
  });
});
