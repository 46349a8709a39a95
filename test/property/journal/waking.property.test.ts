import { expect } from 'chai';
import fc from 'fast-check';
import { WakingService } from './waking-service.ts';

type Step =
  | { readonly type: 'arm'; readonly id: string; readonly inMs: number }
  | { readonly type: 'pass'; readonly ms: number }
  | { readonly type: 'replicate'; readonly share: number }
  | { readonly type: 'crash'; readonly ms: number };

const longestMs = 90_000;
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('arm' as const),
      id: fc.constantFrom('a', 'b', 'c', 'd'),
      inMs: fc.integer({ min: 0, max: longestMs }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('pass' as const),
      ms: fc.integer({ min: 1, max: 20_000 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('replicate' as const),
      share: fc.constantFrom(0.3, 0.7, 1),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('crash' as const),
      ms: fc.integer({ min: 1, max: 60_000 }),
    }),
  },
);

async function run(isFleet: boolean, steps: readonly Step[]): Promise<WakingService> {
  const service = new WakingService(isFleet);
  await service.start();
  for (const one of steps) {
    if (one.type === 'arm') await service.arm(one.id, one.inMs);
    if (one.type === 'pass') await service.pass(one.ms);
    if (one.type === 'replicate') service.replicate(one.share);
    if (one.type === 'crash') {
      await service.crash();
      await service.pass(one.ms);
      await service.start();
    }
  }
  // Nobody asks any more; the replicator goes no further.
  await service.pass(longestMs + 20_000);
  await service.crash();
  return service;
}

/**
 * Each timer fires once, none before its time, in their order, and not long after somebody could.
 */
function check({ entities, startsMs }: WakingService, delayMs: number): void {
  const lastStartMs = startsMs.at(-1) ?? 0;
  for (const [id, { armed, fired }] of entities) {
    const due = armed.toSorted((a, b) => a - b);
    expect(
      fired.map(({ dueMs }) => dueMs),
      id,
    ).to.deep.equal(due);
    for (const { dueMs, atMs } of fired) {
      expect(atMs, id).to.be.at.least(dueMs);
      expect(atMs, id).to.be.at.most(Math.max(dueMs, lastStartMs) + delayMs);
    }
  }
}

describe('timers of entities that crash and wake', function () {
  this.timeout(60_000);
  for (const [name, isFleet, delayMs] of [
    ['whose partition has an owner', true, 1_000],
    ['whose partition belongs to nobody', false, 6_000],
  ] as const) {
    it(`fire once, in order, and soon, at any replication lag: ${name}`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
          check(await run(isFleet, steps), delayMs);
        }),
        { numRuns: 25 },
      );
    });
  }
});
