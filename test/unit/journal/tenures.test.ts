import { expect } from 'chai';
import type { HeadCache } from '../../../src/journal/head-cache/head-cache.ts';
import { endByOffset } from '../../../src/journal/read/ends.ts';
import type { ReadDeps } from '../../../src/journal/read/observe.ts';
import { DataIntegrityError, StoreUnavailableError } from '../../../src/model/errors.ts';
import type { EventualJournal } from '../../../src/ports/eventual-journal.ts';
import { actionOf, type Line, line, open } from '../../support/journal/lines.ts';
import { CountingWorld, readAll } from './counting-world.ts';

/** A partition, and what a read of the key `id` gives whatever of it is replicated. */
const partitions: readonly {
  readonly name: string;
  readonly lines: readonly Line[];
  readonly read: string;
}[] = [
  {
    name: 'an append after a later opening mark, which another key has, is void',
    lines: [
      open('a'),
      line('append', 1, ['a', 0]),
      open('a'),
      line('append', 2, ['a', 0]),
      line('append', 2, ['a', 2]),
    ],
    read: '1@1 2@4 last 2',
  },
  {
    name: 'void records between records that count',
    lines: [
      open('a'),
      line('append', 1, ['a', 0]),
      open('a', 'id'),
      line('append', 2, ['a', 2]),
      line('append', 3, ['a', 0]),
      line('append', 3, ['a', 2]),
      line('append', 9, ['a', 0]),
    ],
    read: '1@1 2@3 3@5 last 3',
  },
  {
    name: 'scopes do not take away from each other',
    lines: [
      open('a'),
      open('b'),
      line('append', 1, ['a', 0]),
      line('append', 2, ['b', 1]),
      open('b'),
      line('append', 3, ['a', 0]),
      line('append', 4, ['b', 1]),
      line('append', 4, ['b', 4]),
    ],
    read: '1@2 2@3 3@5 4@7 last 4',
  },
  {
    name: 'a void delete and a void purge leave everything there',
    lines: [
      open('a'),
      line('append', 1, ['a', 0]),
      line('append', 2, ['a', 0]),
      open('a'),
      line('delete', 2, ['a', 0]),
      line('purge', 0, ['a', 0]),
    ],
    read: '1@1 2@2 last 2',
  },
  {
    name: 'a delete and a purge of the holder count',
    lines: [
      open('a'),
      line('append', 1, ['a', 0]),
      line('purge', 0, ['a', 0]),
      line('append', 1, ['a', 0]),
      line('append', 2, ['a', 0]),
      line('delete', 1, ['a', 0]),
    ],
    read: '2@4 last 2',
  },
  {
    name: 'an action without a tenure counts wherever it is',
    lines: [line('append', 1), open('a'), line('append', 2), open('a'), line('append', 3)],
    read: '1@0 2@2 3@4 last 3',
  },
];

describe('A read of a partition with tenures', () => {
  let world: CountingWorld;
  beforeEach(async () => {
    world = await CountingWorld.open();
  });
  afterEach(() => world[Symbol.asyncDispose]());

  async function write(lines: readonly Line[]): Promise<void> {
    for (const one of lines) await world.store.producer.produce(actionOf(world.topic, one));
  }

  /** A read that writes no mark. */
  const reader = (changes: Partial<ReadDeps> = {}, id = 'id') =>
    world.reader({ readEnd: endByOffset(world.store.consumer), ...changes }, id);

  const failure = (read: Promise<unknown>): Promise<unknown> =>
    read.then(
      (value) => value,
      (error) => error,
    );

  const ways: readonly [string, () => HeadCache | undefined][] = [
    ['from the log', () => undefined],
    ['from the head cache', () => world.cache()],
    ['where the head cache says', () => world.cache({ maxBytes: 0 })],
  ];

  for (const { name, lines, read } of partitions) {
    for (const [way, open] of ways) {
      it(`${name}: ${way}, at every lag`, async () => {
        await write(lines);
        // A cache that began before, and one that begins now.
        const old = open();
        for (let replicated = -1; replicated < lines.length; replicated++) {
          if (replicated >= 0) await world.replicate(replicated);
          for (const headCache of [old, open()]) {
            const journal = reader({ headCache });
            expect(await readAll(journal), `replicated ${replicated}`).to.equal(read);
          }
        }
      });
    }
  }

  it('goes where the head cache says although void records of the key lie there', async () => {
    const headCache = world.cache({ maxBytes: 0 });
    await write(partitions[1]?.lines ?? []);
    expect(await readAll(reader({ headCache }))).to.equal('1@1 2@3 3@5 last 3');
    expect(headCache.stats.hits).to.deep.equal({ held: 0, ranges: 1 });
    expect(headCache.stats.misses.limited).to.equal(0);
  });

  describe('whose mark is replicated', () => {
    const written = [
      open('a'),
      line('append', 1, ['a', 0]),
      line('append', 2, ['a', 0]),
      line('append', 3, ['a', 0]),
    ];

    it('asks for it once, after the replicated offset', async () => {
      await write(written);
      await world.replicate(1);
      const { eventual } = world.parts();
      const calls: string[] = [];
      const noted: EventualJournal = {
        ...eventual,
        offset: (...args) => {
          calls.push('offset');
          return eventual.offset(...args);
        },
        lastTenure: (place, upTo) => {
          calls.push(
            `tenure ${place.topic === world.topic} ${place.partition} ${place.scope} ${upTo}`,
          );
          return eventual.lastTenure(place, upTo);
        },
      };
      expect(await readAll(reader({ eventual: noted }))).to.equal('1@1 2@2 3@3 last 3');
      expect(calls).to.deep.equal(['offset', 'tenure true 0 a 1']);
    });

    it('asks for none when nothing names one, or its mark comes after the replicated offset', async () => {
      await write([line('append', 1), ...written.slice(0, 1), line('append', 2, ['a', 1])]);
      expect(await readAll(reader())).to.equal('1@0 2@2 last 2');
      await world.replicate(0);
      expect(await readAll(reader())).to.equal('1@0 2@2 last 2');
      expect(world.take().tenures).to.equal(0);
    });

    for (const [way, open] of ways) {
      it(`fails retryably while the store does not know all marks, and reads once it does: ${way}`, async () => {
        await write(written);
        await world.replicate(1);
        const known = world.tenuresUpTo;
        world.tenuresUpTo = undefined;
        const journal = reader({ headCache: open() });
        expect(await failure(readAll(journal))).to.be.instanceOf(StoreUnavailableError);
        world.tenuresUpTo = known;
        expect(await readAll(journal)).to.equal('1@1 2@2 3@3 last 3');
      });
    }
  });

  for (const [way, open] of ways) {
    it(`fails for the key whose action names a mark that is not there, and for no other: ${way}`, async () => {
      await write([
        line('append', 1, undefined, 'other'),
        line('append', 1, ['a', 0]),
        line('append', 2, undefined, 'other'),
      ]);
      const headCache = open();
      const error = await failure(readAll(reader({ headCache })));
      expect(error).to.be.instanceOf(DataIntegrityError);
      expect((error as DataIntegrityError).message).to.include(
        'names the opening mark at offset 0',
      );
      expect(await readAll(reader({ headCache }, 'other'))).to.equal('1@0 2@2 last 2');
    });
  }

  /**
   * The row hides all events, as a delete long ago leaves it, or the first step of a purge that
   * comes.
   */
  async function readHidden(
    lines: readonly Line[],
    between: readonly Line[] = [],
  ): Promise<readonly [unknown, number]> {
    await write([line('append', 1), open('a'), open('a'), ...between]);
    await world.replicate(0);
    let looks = 0;
    const { eventual } = world.parts();
    const hiding: EventualJournal = {
      ...eventual,
      async pointer(...args) {
        if (looks++ === 0) await write(lines);
        const row = await eventual.pointer(...args);
        return row && { ...row, deleteTo: row.seqNr };
      },
    };
    return [await failure(readAll(reader({ eventual: hiding }))), looks];
  }

  it('does not take a void purge after its end for the reason why events are hidden', async () => {
    expect(await readHidden([line('purge', 0, ['a', 1])])).to.deep.equal(['last 1', 1]);
  });

  it('looks at what comes after its end only', async () => {
    // A purge that does not count, since nothing is at the offset that it asks for.
    const read = await readHidden([line('purge', 0, ['a', 1])], [line('purge', 9)]);
    expect(read).to.deep.equal(['last 1', 1]);
  });

  it('takes a purge of the holder after its end for the reason, also after a void one', async () => {
    const both = [line('purge', 0, ['a', 1]), line('purge', 0, ['a', 2])];
    expect(await readHidden(both)).to.deep.equal(['last none', 2]);
  });
});
