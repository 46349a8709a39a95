import { expect } from 'chai';
import { endByOffset } from '../../../../src/journal/read/ends.ts';
import { DataIntegrityError } from '../../../../src/model/errors.ts';
import { Offset, Partition } from '../../../../src/model/position.ts';
import type { ActionProducer } from '../../../../src/ports/action-producer.ts';
import { CountingWorld, eventsFrom, readAll } from '../counting-world.ts';

describe('The end of a read', () => {
  let world: CountingWorld;
  beforeEach(async () => {
    world = await CountingWorld.open();
  });
  afterEach(() => world[Symbol.asyncDispose]());

  const failure = (run: Promise<unknown>): Promise<unknown> =>
    run.then(
      () => 'nothing failed',
      (error: unknown) => error,
    );

  describe('by the end offset', () => {
    it('reads nothing of a topic that does not exist yet', async () => {
      const readEnd = endByOffset(world.store.consumer);
      expect(await readAll(world.reader({ readEnd }))).to.equal('last none');
    });

    it('refuses when the number of partitions changed, and names both', async () => {
      let partitions = 1;
      const { consumer } = world.store;
      const readEnd = endByOffset({
        read: (...args) => consumer.read(...args),
        follow: (...args) => consumer.follow(...args),
        endOffset: (...args) => consumer.endOffset(...args),
        partitionCount: async () => partitions,
        [Symbol.asyncDispose]: async () => {},
      });
      const reader = world.reader({ readEnd });
      await world.writer().append(eventsFrom(1, 1));
      expect(await readAll(reader)).to.equal('1@0 last 1');
      partitions = 8;
      const error = await failure(readAll(reader));
      expect(error).to.be.instanceOf(DataIntegrityError);
      expect((error as Error).message).to.include('had 1 partitions and has 8 now');
    });

    it('refuses a journal that is stored from another partition', async () => {
      await world.writer().append(eventsFrom(1, 1));
      await world.replicate();
      const { eventual, consumer } = world.store;
      const moved = {
        offset: (...args: Parameters<typeof eventual.offset>) => eventual.offset(...args),
        read: (...args: Parameters<typeof eventual.read>) => eventual.read(...args),
        lastTenure: (...args: Parameters<typeof eventual.lastTenure>) =>
          eventual.lastTenure(...args),
        ids: (...args: Parameters<typeof eventual.ids>) => eventual.ids(...args),
        async pointer(...args: Parameters<typeof eventual.pointer>) {
          const row = await eventual.pointer(...args);
          return row && { ...row, at: { ...row.at, partition: Partition.of(3) } };
        },
        [Symbol.asyncDispose]: async () => {},
      };
      const readEnd = endByOffset(consumer);
      const error = await failure(readAll(world.reader({ readEnd, eventual: moved })));
      expect(error).to.be.instanceOf(DataIntegrityError);
      expect((error as Error).message).to.include('is stored from partition 3');
    });

    it('lets the writes of this process land first, well or not', async () => {
      const { producer: real, consumer } = world.store;
      const gate = Promise.withResolvers<void>();
      const producer: ActionProducer = {
        async produce(action, options) {
          if (action.header.type === 'append') await gate.promise;
          return real.produce(action, options);
        },
        [Symbol.asyncDispose]: async () => {},
      };
      const journal = world.reader({ producer, readEnd: endByOffset(consumer) });
      const appended = journal.append(eventsFrom(1, 2));
      const read = readAll(journal);
      setTimeout(() => gate.resolve(), 20);
      expect(await read).to.equal('1@0 2@0 last 2');
      await appended;
    });
  });

  describe('and a log that does not hold what is replicated', () => {
    for (const way of ['marker', 'end offset'] as const) {
      it(`is refused, naming the replicated offset and the end: by ${way}`, async () => {
        await world.writer().append(eventsFrom(1, 1));
        const { replicated, consumer } = world.store;
        const place = { topic: world.topic, partition: Partition.of(0) };
        await replicated.claim(place.topic, place.partition, { nowMs: 0 });
        await replicated.saveOffset({ ...place, offset: Offset.of(99), after: undefined }, 0);
        const readEnd = way === 'marker' ? undefined : endByOffset(consumer);
        const error = await failure(readAll(world.reader({ readEnd })));
        expect(error).to.be.instanceOf(DataIntegrityError);
        const end = way === 'marker' ? 2 : 1;
        expect((error as Error).message).to.include(`99 is replicated, but the log ends at ${end}`);
      }).timeout(10_000);
    }
  });
});
