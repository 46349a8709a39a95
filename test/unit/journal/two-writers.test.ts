import { expect } from 'chai';
import type { HeadCache } from '../../../src/journal/head-cache/head-cache.ts';
import { watchProducer } from '../../../src/journal/head-cache/writer-watch.ts';
import type { Journal } from '../../../src/journal/journal.ts';
import type { Action } from '../../../src/model/action.ts';
import { DataIntegrityError } from '../../../src/model/errors.ts';
import { Offset, Partition } from '../../../src/model/position.ts';
import { SeqNr } from '../../../src/model/seq-nr.ts';
import type { ActionProducer } from '../../../src/ports/action-producer.ts';
import * as given from '../../contract/replicated-store.ts';
import { at, CountingWorld, eventsFrom, readAll } from './counting-world.ts';

/** The error that tells of two writers. */
async function refusal(run: Promise<unknown>): Promise<string> {
  try {
    await run;
  } catch (error) {
    if (error instanceof DataIntegrityError) return error.message;
    throw error;
  }
  return 'nothing was refused';
}

describe('Two live writers of one journal (ADR 17)', () => {
  let world: CountingWorld;
  beforeEach(async () => {
    world = await CountingWorld.open();
  });
  afterEach(() => world[Symbol.asyncDispose]());

  describe('show at the next recovery, with both offsets and origins', () => {
    const both = ['at 0:1 by b', 'at 0:0 by a'];
    const paths: [string, () => Promise<Journal>][] = [
      ['from the tail', async () => world.reader()],
      ['from the head cache', async () => world.reader({ headCache: world.cache() })],
      [
        'from ranges that the head cache names',
        async () => world.reader({ headCache: world.cache({ maxBytes: 0 }) }),
      ],
      [
        'from tail against rows',
        async () => {
          await world.replicate(0);
          return world.reader();
        },
      ],
      [
        'from the head cache against rows',
        async () => {
          await world.replicate(0);
          return world.reader({ headCache: world.cache() });
        },
      ],
      [
        'from rows alone',
        async () => {
          await world.replicate();
          return world.reader();
        },
      ],
    ];
    for (const [path, open] of paths) {
      it(path, async () => {
        await world.writer('id', 'a').append(eventsFrom(1, 3));
        await world.writer('id', 'b').append(eventsFrom(3, 2));
        const journal = await open();
        const message = await refusal(readAll(journal));
        for (const part of both) expect(message).to.include(part);
      });
    }
  });

  it('show from rows to a read that begins inside the record of the later one', async () => {
    await world.writer('id', 'a').append(eventsFrom(1, 4));
    await world.writer('id', 'b').append(eventsFrom(2, 40));
    await world.replicate();
    for (const from of [3, 5, 30, 41]) {
      const message = await refusal(readAll(world.reader(), from));
      expect(message).to.include('at 0:1 by b').and.to.include('at 0:0 by a');
    }
  });

  it('are not seen in rows of two partitions: the key has moved', async () => {
    const place = { partition: Partition.of(1), offset: Offset.of(500) };
    const events = given.recordOf(
      given.eventRecord(1, 500, { record: { at: place } }),
      given.eventRecord(2, 500, { record: { at: place } }),
    );
    const row = await world.store.replicated.open(world.key());
    await row.append(events, given.nowMs);
    await world.writer().append(eventsFrom(3, 1));
    await world.replicate();
    for (const seqNrUniqueness of [true, false]) {
      const dataIntegrity = {
        seqNrUniqueness,
        correlateEventsWithMeta: true,
        gaps: 'fail',
      } as const;
      const journal = world.reader({ settings: { readTimeoutMs: 10_000, dataIntegrity } });
      expect(await readAll(journal)).to.equal('1@500 2@500 3@0 last 3');
    }
  });

  describe('show at the next append, where the head cache has seen the other one', () => {
    let headCache: HeadCache;
    let mine: Journal;
    const seen = async (end: number): Promise<void> => {
      await headCache.lookup(world.key(), at(end));
    };
    beforeEach(async () => {
      headCache = world.cache();
      mine = world.reader({ headCache });
      await world.writer('id', 'a').append(eventsFrom(1, 2));
      expect(await readAll(mine)).to.equal('1@0 2@0 last 2');
    });

    it('before it writes what is taken: certainly not stored', async () => {
      await world.writer('id', 'a').append(eventsFrom(3, 2));
      await seen(3);
      const message = await refusal(mine.append(eventsFrom(3, 1)));
      expect(message).to.include('to be written by reader').and.to.include('at 0:2 by a');
      expect(await world.store.consumer.endOffset(world.topic, at(0).partition)).to.equal(3);
    });

    it('after both wrote the same numbers: the later one is told, the earlier one goes on', async () => {
      const other = world.reader({ headCache: world.cache(), origin: 'other' });
      await readAll(other);
      const first = await mine.append(eventsFrom(3, 1));
      const second = await other.append(eventsFrom(3, 1));
      await seen(second.offset + 1);
      expect(await refusal(mine.append(eventsFrom(4, 1)))).to.equal('nothing was refused');
      // The other one's cache follows by itself.
      await new Promise((resolve) => setTimeout(resolve, 50));
      const message = await refusal(other.append(eventsFrom(4, 1)));
      expect(message)
        .to.include(`at 0:${second.offset} by other`)
        .and.to.include(`at 0:${first.offset} by reader`);
    });

    it('but not for its own appends, nor after its own purge', async () => {
      for (const from of [3, 4, 5]) await mine.append(eventsFrom(from, 1));
      await seen(5);
      await mine.purge();
      expect(await refusal(mine.append(eventsFrom(1, 2)))).to.equal('nothing was refused');
      await seen(7);
      expect(await refusal(mine.append(eventsFrom(3, 1)))).to.equal('nothing was refused');
    });

    it('but not under a tenure: it is void if the other one is a later owner', async () => {
      await world.writer('id', 'a').append(eventsFrom(3, 2));
      await seen(3);
      const range = { from: SeqNr.of(3), to: SeqNr.of(3) };
      const header = { type: 'append', range, payloadType: 'json', metadata: {} } as const;
      const action = { key: world.key(), timestampMs: 0, header } as unknown as Action;
      const sent: Action[] = [];
      const producer: ActionProducer = {
        produce: async (one) => {
          sent.push(one);
          return { partition: Partition.of(0), offset: Offset.of(9) };
        },
        [Symbol.asyncDispose]: async () => {},
      };
      const watched = watchProducer(producer, headCache.writers);
      expect(await refusal(watched.produce(action))).to.include('0:2');
      const tenure = { scope: '', of: Offset.of(0) };
      const held = { ...action, header: { ...header, tenure } } as unknown as Action;
      await watched.produce(held);
      expect(sent).to.deep.equal([held]);
    });

    it('and no longer once it has recovered', async () => {
      await world.writer('id', 'a').append(eventsFrom(3, 2));
      await seen(3);
      expect(await refusal(mine.append(eventsFrom(3, 1)))).to.not.equal('nothing was refused');
      await readAll(mine);
      expect(await refusal(mine.append(eventsFrom(5, 1)))).to.equal('nothing was refused');
    });
  });
});
