import { expect } from 'chai';
import fc from 'fast-check';
import type { HeadCache } from '../../../src/journal/head-cache/head-cache.ts';
import { endByOffset } from '../../../src/journal/read/ends.ts';
import type { Offset } from '../../../src/model/position.ts';
import { type Truth, TruthLine } from '../../simulation/truth.ts';
import { actionOf, type Line, line, open } from '../../support/journal/lines.ts';
import { CountingWorld, readAll } from '../../unit/journal/counting-world.ts';
import { seed } from '../codec/seed.ts';

const ids = ['a', 'b', 'c'] as const;
const scopes = ['', 'x'];

/** One record of a partition. What it names depends on the records before it. */
interface Step {
  readonly id: string;
  readonly type: Line['type'];
  readonly n: number;
  readonly scope: string;
  /** The last opening mark of the scope, an earlier one, or none at all. */
  readonly tenure: 'last' | 'earlier' | 'none';
}

const type = fc.oneof(
  { weight: 6, arbitrary: fc.constant('append' as const) },
  { weight: 4, arbitrary: fc.constant('open' as const) },
  fc.constantFrom('delete' as const, 'purge' as const, 'mark' as const),
);
const tenure = fc.oneof(
  { weight: 2, arbitrary: fc.constant('last' as const) },
  { weight: 3, arbitrary: fc.constant('earlier' as const) },
  fc.constant('none' as const),
);
const step: fc.Arbitrary<Step> = fc.record({
  id: fc.constantFrom(...ids),
  type,
  n: fc.nat(5),
  scope: fc.oneof({ weight: 2, arbitrary: fc.constant('') }, fc.constant('x')),
  tenure,
});

/** The partition as it is by definition: what counts is folded by key, the rest is left out. */
class Partition {
  readonly #openings = new Map<string, Offset[]>(scopes.map((scope) => [scope, []]));
  readonly #lines = new Map<string, TruthLine>(ids.map((id) => [id, new TruthLine()]));
  voids = 0;

  /** Writes the next record. */
  async write(world: CountingWorld, step: Step): Promise<void> {
    const { id, type: kind, scope } = step;
    const openings = this.#openings.get(scope) ?? [];
    if (kind === 'open') {
      const opening = actionOf(world.topic, open(scope, id));
      openings.push((await world.store.producer.produce(opening)).offset);
      return;
    }
    const earlier = openings.length > 1 ? openings[step.n % (openings.length - 1)] : undefined;
    const of = { last: openings.at(-1), earlier, none: undefined }[step.tenure];
    const counts = of === undefined || of === openings.at(-1);
    const under = of === undefined ? undefined : ([scope, of] as const);
    const n = this.#numberOf(step, counts);
    const action = actionOf(world.topic, line(kind, n, under, id));
    const at = await world.store.producer.produce(action);
    if (counts) this.#lines.get(id)?.add({ action, at });
    else if (kind !== 'mark') this.voids += 1;
  }

  /** Who has lost the partition may write any number. */
  #numberOf({ id, type: kind, n }: Step, counts: boolean): number {
    if (kind === 'append' && counts) return (this.truthOf(id).last ?? 0) + 1;
    return kind === 'purge' ? n : n + 1;
  }

  truthOf(id: string): Truth {
    return (this.#lines.get(id) as TruthLine).at(Number.MAX_SAFE_INTEGER);
  }
}

function shown({ events, last }: Truth): string {
  const all = events.map(({ seqNr, offset }) => `${seqNr}@${offset}`);
  return [...all, `last ${last ?? 'none'}`].join(' ');
}

describe(`property: any partition with tenures (seed ${seed})`, function () {
  this.timeout(120_000);

  it('reads as the fold of what counts, on every path and at every lag', async () => {
    let voids = 0;
    const hits = { held: 0, ranges: 0 };
    const law = fc.asyncProperty(
      fc.array(step, { minLength: 10, maxLength: 16 }),
      async (steps) => {
        await using world = await CountingWorld.open();
        const partition = new Partition();
        for (const one of steps) await partition.write(world, one);
        voids += partition.voids;
        const readEnd = endByOffset(world.store.consumer);
        const check = async (path: string, headCache?: HeadCache): Promise<void> => {
          for (const id of ids) {
            const read = await readAll(world.reader({ readEnd, headCache }, id));
            expect(read, `${id} ${path}`).to.equal(shown(partition.truthOf(id)));
          }
        };
        const early = [world.cache(), world.cache({ maxBytes: 0 })];
        const late: HeadCache[] = [];
        for (let replicated = -1; replicated < steps.length; replicated++) {
          if (replicated >= 0) await world.replicate(replicated);
          const lag = `with R at ${replicated}`;
          await check(`from the log ${lag}`);
          for (const cache of early) await check(`from a cache that began before ${lag}`, cache);
          late.push(world.cache(), world.cache({ maxBytes: 0 }));
          for (const cache of late.slice(-2)) await check(`from a new cache ${lag}`, cache);
        }
        for (const { stats } of [...early, ...late]) {
          hits.held += stats.hits.held;
          hits.ranges += stats.hits.ranges;
          expect(stats.misses).to.deep.equal({
            ...stats.misses,
            undecodable: 0,
            failed: 0,
            limited: 0,
          });
        }
      },
    );
    await fc.assert(law, { seed, numRuns: 40 });
    expect(voids).to.be.above(20);
    expect(Math.min(hits.held, hits.ranges)).to.be.above(100);
  });
});
