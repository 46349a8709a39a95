import { expect } from 'chai';
import { endByOffset } from '../../../src/journal/read/ends.ts';
import type { ActionRecord } from '../../../src/model/action.ts';
import { CodecError, LogUnavailableError, WriteFailedError } from '../../../src/model/errors.ts';
import type { ActionConsumer } from '../../../src/ports/action-consumer.ts';
import { CountingWorld, eventsFrom, readAll } from './counting-world.ts';

describe('The part of a read that comes from the log', () => {
  let world: CountingWorld;
  beforeEach(async () => {
    world = await CountingWorld.open();
  });
  afterEach(() => world[Symbol.asyncDispose]());

  /** The log, whose record at `offset` has a value that cannot be decoded. */
  function broken(offset: number): ActionConsumer {
    const { consumer } = world.store;
    const breaking = (record: ActionRecord): ActionRecord =>
      record.at.offset === offset
        ? ({ ...record, action: { ...record.action, value: Buffer.from('{') } } as ActionRecord)
        : record;
    return {
      async *read(...args) {
        for await (const batch of consumer.read(...args)) yield batch.map(breaking);
      },
      follow: (...args) => consumer.follow(...args),
      endOffset: (...args) => consumer.endOffset(...args),
      partitionCount: (...args) => consumer.partitionCount(...args),
      [Symbol.asyncDispose]: async () => {},
    };
  }

  it('leaves out appends below `from` without looking into them, and keeps one that crosses it', async () => {
    for (const [first, count] of [
      [1, 2],
      [3, 3],
      [6, 1],
    ] as const) {
      await world.writer().append(eventsFrom(first, count));
    }
    const reader = world.reader({ consumer: broken(0) });
    expect(await readAll(reader, 4)).to.equal('4@1 5@1 6@2 last 6');
    expect(await readAll(reader, 3)).to.equal('3@1 4@1 5@1 6@2 last 6');
    const error = await readAll(reader, 2).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(CodecError);
  });

  it('passes over marks of other reads and of other journals', async () => {
    await world.writer().append(eventsFrom(1, 1));
    await world.writer().mark();
    await world.writer('other').mark();
    await world.writer('other').append(eventsFrom(1, 1));
    await world.writer().append(eventsFrom(2, 1));
    await world.writer().mark();
    expect(await readAll(world.reader())).to.equal('1@0 2@4 last 2');
  });

  it('gives nothing when its marker is the first record of the log', async () => {
    expect(await readAll(world.reader())).to.equal('last none');
    expect(world.take()).to.include({ marks: 1, passes: 0 });
    const { consumer } = world.store;
    expect(
      await consumer.endOffset(world.topic, (await world.writer().mark()).at.partition),
    ).to.equal(2);
  });

  it('fails as a read that may be tried again when its marker is lost', async () => {
    await world.writer().append(eventsFrom(1, 1));
    const lost = new WriteFailedError('no answer');
    const producer = {
      produce: () => Promise.reject(lost),
      [Symbol.asyncDispose]: async () => {},
    };
    const error = await readAll(world.reader({ producer })).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(LogUnavailableError);
    expect(error).to.include({ retryable: true, cause: lost });
    expect(world.take()).to.include({ passes: 0, offsets: 0, rows: 0 });
  });

  for (const way of ['marker', 'end offset'] as const) {
    it(`ends at its ${way}, also when the journal goes on after it`, async () => {
      await world.writer().append(eventsFrom(1, 1));
      const { consumer, producer } = world.store;
      let goesOn = true;
      const goOn = async <T>(end: T): Promise<T> => {
        if (goesOn) await world.writer().append(eventsFrom(2, 1));
        goesOn = false;
        return end;
      };
      const readEnd = endByOffset({
        ...broken(-1),
        endOffset: async (...args) => goOn(await consumer.endOffset(...args)),
      });
      const reader = world.reader(
        way === 'end offset'
          ? { readEnd }
          : {
              producer: {
                produce: async (...args) => goOn(await producer.produce(...args)),
                [Symbol.asyncDispose]: async () => {},
              },
            },
      );
      expect(await readAll(reader)).to.equal('1@0 last 1');
      const secondAt = way === 'marker' ? 2 : 1;
      expect(await readAll(reader)).to.equal(`1@0 2@${secondAt} last 2`);
    });
  }
});
