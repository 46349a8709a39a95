import { expect } from 'chai';
import { endByOffset } from '../../../src/journal/read/ends.ts';
import type { ActionRecord } from '../../../src/model/action.ts';
import { SeqNr } from '../../../src/model/seq-nr.ts';
import { applyRecord, recordsOf } from '../../support/journal/replicate.ts';
import { type Asked, at, CountingWorld, eventsFrom, readAll } from './counting-world.ts';

/** What a read without head cache asks, whatever it finds. */
const miss: Asked = { marks: 1, passes: 1, ends: 0, offsets: 1, tenures: 0, rows: 1, events: 0 };
/** What one with a head cache asks when the cache knows all. */
const hit: Asked = { marks: 1, passes: 0, ends: 0, offsets: 0, tenures: 0, rows: 1, events: 0 };

/** A journal in some state, and what reading it asks. */
interface State {
  readonly name: string;
  readonly make: (world: CountingWorld) => Promise<void>;
  readonly read: string;
  readonly missed: Partial<Asked>;
  readonly held: Partial<Asked>;
}

const append = (world: CountingWorld, from: number, count = 1) =>
  world.writer().append(eventsFrom(from, count));
const remove = (world: CountingWorld, to: number) => world.writer().delete(SeqNr.of(to));

const states: readonly State[] = [
  {
    name: 'empty, nothing replicated',
    make: async (world) => void (await world.writer().mark()),
    read: 'last none',
    missed: {},
    held: {},
  },
  {
    name: 'all in the log',
    make: async (world) => void (await append(world, 1, 3)),
    read: '1@0 2@0 3@0 last 3',
    missed: {},
    held: {},
  },
  {
    name: 'all in the store',
    async make(world) {
      await append(world, 1, 3);
      await world.writer().mark();
      await world.replicate();
    },
    read: '1@0 2@0 3@0 last 3',
    missed: { passes: 0, events: 1 },
    held: { events: 1 },
  },
  {
    name: 'part in the store, part in the log',
    async make(world) {
      await append(world, 1, 2);
      await world.replicate();
      await append(world, 3, 2);
    },
    read: '1@0 2@0 3@1 4@1 last 4',
    missed: { events: 1 },
    held: { events: 1 },
  },
  {
    name: 'deleted in the log',
    async make(world) {
      await append(world, 1, 3);
      await world.replicate();
      await remove(world, 2);
    },
    read: '3@0 last 3',
    missed: { events: 1 },
    held: { events: 1 },
  },
  {
    name: 'purged in the log',
    async make(world) {
      await append(world, 1, 3);
      await world.replicate();
      await world.writer().purge();
    },
    read: 'last none',
    missed: {},
    held: { rows: 0 },
  },
  {
    name: 'purged and begun again in the log (V1)',
    async make(world) {
      await append(world, 1);
      await world.replicate();
      await world.writer().purge();
      await append(world, 1, 2);
    },
    read: '1@2 2@2 last 2',
    missed: {},
    held: { rows: 0 },
  },
];

describe('What a read asks of log and store', () => {
  let world: CountingWorld;
  beforeEach(async () => {
    world = await CountingWorld.open();
  });
  afterEach(() => world[Symbol.asyncDispose]());

  for (const { name, make, read, missed, held } of states) {
    it(`of a journal ${name}, without head cache: one pass at most`, async () => {
      await make(world);
      world.take();
      expect(await readAll(world.reader())).to.equal(read);
      expect(world.take()).to.deep.equal({ ...miss, ...missed });
    });

    it(`of a journal ${name}, with a head cache: no pass`, async () => {
      await make(world);
      const headCache = world.cache();
      await headCache.lookup(world.key(), at(0));
      world.take();
      expect(await readAll(world.reader({ headCache }))).to.equal(read);
      expect(world.take()).to.deep.equal({ ...hit, ...held });
      expect(headCache.stats).to.deep.include({ fetches: 0, hits: { held: 2, ranges: 0 } });
    });

    it(`of a journal ${name}, by the end offset: no mark`, async () => {
      await make(world);
      world.take();
      const headCache = world.cache();
      const readEnd = endByOffset(world.store.consumer);
      expect(await readAll(world.reader({ headCache, readEnd }))).to.equal(read);
      expect(world.take()).to.deep.equal({ ...hit, ...held, marks: 0 });
    });
  }

  it('from the middle of rows: the events once; again only where the record begins far before', async () => {
    await append(world, 1, 20);
    await append(world, 21, 10);
    await append(world, 31, 300);
    await world.replicate();
    const from = async (first: number): Promise<number> => {
      world.take();
      const read = await readAll(world.reader(), first);
      expect(read.split(' ')[0]).to.equal(`${first}@${first > 30 ? 2 : first > 20 ? 1 : 0}`);
      return world.take().events;
    };
    for (const first of [2, 17, 21, 25, 37, 46]) expect(await from(first), `${first}`).to.equal(1);
    for (const first of [47, 200, 286]) expect(await from(first), `${first}`).to.equal(2);
    expect(await from(330)).to.equal(3);
  });

  it('of a journal whose events the cache could not hold: the ranges with its records, nothing else', async () => {
    const headCache = world.cache({ maxBytes: 0 });
    await append(world, 1);
    await world.writer('other').append(eventsFrom(1, 1));
    await append(world, 2);
    await headCache.lookup(world.key(), at(0));
    world.take();
    expect(await readAll(world.reader({ headCache }))).to.equal('1@0 2@2 last 2');
    expect(world.take()).to.deep.equal({ ...hit, passes: 1 });
    expect(headCache.stats).to.deep.include({ fetches: 1 });
  });

  it('of a journal that the cache dropped: as without (V5)', async () => {
    const headCache = world.cache({ maxIds: 1 });
    await append(world, 1);
    await world.writer('other').append(eventsFrom(1, 1));
    await headCache.lookup(world.key('other'), at(2));
    world.take();
    expect(await readAll(world.reader({ headCache }))).to.equal('1@0 last 1');
    expect(world.take()).to.deep.equal(miss);
    expect(headCache.stats.misses.limited).to.equal(1);
  });

  it('of a journal all of which was deleted long ago: one look at the records after the end', async () => {
    await append(world, 1, 3);
    await remove(world, 3);
    await world.replicate();
    world.take();
    expect(await readAll(world.reader())).to.equal('last 3');
    expect(world.take()).to.deep.equal({ ...miss, ends: 1 });
  });

  it('of a journal whose row is ahead of what is replicated: a look after the end only if it hides more', async () => {
    await append(world, 1, 3);
    await world.replicate();
    await remove(world, 1);
    const [, , deletion] = await recordsOf(world.store.consumer, world.key(), at(0).partition);
    // The delete is applied, and the replicated offset still stands before it.
    await applyRecord(world.store.replicated, deletion as ActionRecord);
    world.take();
    expect(await readAll(world.reader())).to.equal('2@0 3@0 last 3');
    expect(world.take()).to.deep.equal({ ...miss, rows: 1, events: 1 });
    const ends = [at(4), at(1)];
    const readEnd = { find: async () => ends.pop() ?? at(4), check: () => {} };
    expect(await readAll(world.reader({ readEnd }))).to.equal('2@0 3@0 last 3');
    const twice = { offsets: 2, rows: 2, events: 1, passes: 2 };
    expect(world.take()).to.deep.equal({ ...miss, marks: 0, ends: 1, ...twice });
  });
});
