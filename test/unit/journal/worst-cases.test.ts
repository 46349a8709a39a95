import { expect } from 'chai';
import { endByOffset } from '../../../src/journal/read/ends.ts';
import type { ReadDeps } from '../../../src/journal/read/observe.ts';
import { SeqNr } from '../../../src/model/seq-nr.ts';
import { CountingWorld, eventsFrom } from './counting-world.ts';

const size = 1_000;

/** A journal of 1,000 appends of one event, and what was done to it since. */
interface WorstCase {
  readonly name: string;
  /** Appends that are replicated. */
  readonly replicated?: number;
  readonly from?: number;
  readonly act?: (world: CountingWorld, id: string) => Promise<void>;
  /** First number read; none when nothing is left. */
  readonly first?: number;
  readonly last: number | undefined;
}

const cases: readonly WorstCase[] = [
  { name: 'nothing in the store', first: 1, last: size },
  { name: '500 events not in the store yet', replicated: 500, first: 1, last: size },
  { name: 'read from the middle', from: 501, first: 501, last: size },
  {
    name: 'read from the middle of what is stored',
    replicated: 800,
    from: 501,
    first: 501,
    last: size,
  },
  {
    name: '50 deletes, the last up to 491',
    replicated: 500,
    async act(world, id) {
      for (let to = 1; to <= 491; to += 10) await world.writer(id).delete(SeqNr.of(to));
    },
    first: 492,
    last: size,
  },
  {
    name: 'all deleted',
    act: async (world, id) => void (await world.writer(id).delete(SeqNr.of(size))),
    last: size,
  },
  {
    name: 'purged',
    act: async (world, id) => void (await world.writer(id).purge()),
    last: undefined,
  },
];

describe('The worst cases of a read: 1,000 appends', function () {
  this.timeout(30_000);
  let world: CountingWorld;
  before(async () => {
    world = await CountingWorld.open();
  });
  after(() => world[Symbol.asyncDispose]());

  for (const [index, { name, replicated, from = 1, act, first, last }] of cases.entries()) {
    it(`${name}: one pass over the log at most, each way to read`, async () => {
      const id = `case-${index}`;
      const writer = world.writer(id);
      const places = await Promise.all(
        Array.from({ length: size }, (_, n) => writer.append(eventsFrom(n + 1, 1))),
      );
      const stored = places[(replicated ?? 0) - 1];
      if (stored !== undefined) await world.replicate(stored.offset);
      await act?.(world, id);
      const headCache = world.cache({ maxBytes: 10_000_000 });
      const byOffset = endByOffset(world.store.consumer);
      const ways: Partial<ReadDeps>[] = [{}, { readEnd: byOffset }, { headCache }];
      // A second read finds the cache warm: it lacks only the mark of the first.
      ways.push({ headCache });
      const expected = first === undefined ? [] : numbers(first, size);
      for (const changes of ways) {
        world.take();
        expect(await read(world, { id, from, changes })).to.deep.equal({ read: expected, last });
        expect(world.take().passes, 'passes').to.be.at.most(1);
      }
    });
  }

  it('among 1,000 keys that are interleaved: one pass, and nothing of the others', async () => {
    const fresh = await CountingWorld.open();
    const ids = Array.from({ length: size }, (_, index) => `id-${index}`);
    for (const first of [1, 3, 4]) {
      const count = first === 1 ? 2 : 1;
      await Promise.all(ids.map((id) => fresh.writer(id).append(eventsFrom(first, count))));
    }
    const headCache = fresh.cache({ maxIds: 10 });
    for (const id of ['id-0', 'id-500', 'id-999']) {
      for (const changes of [{}, { headCache }]) {
        fresh.take();
        const one = await read(fresh, { id, from: 1, changes });
        expect(one).to.deep.equal({ read: [1, 2, 3, 4], last: 4 });
        expect(fresh.take()).to.include({ marks: 1, events: 0 }).and.property('passes').at.most(1);
      }
    }
    await fresh[Symbol.asyncDispose]();
  });
});

const numbers = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);

interface Read {
  readonly id: string;
  readonly from: number;
  readonly changes: Partial<ReadDeps>;
}

async function read(world: CountingWorld, { id, from, changes }: Read) {
  const events: number[] = [];
  const source = world.reader(changes, id).read(SeqNr.of(from));
  for (;;) {
    const step = await source.next();
    if (step.done) return { read: events, last: step.value };
    events.push(...step.value.map(({ event }) => event.seqNr));
  }
}
