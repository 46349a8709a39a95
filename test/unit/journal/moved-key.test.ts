import { expect } from 'chai';
import { endByOffset } from '../../../src/journal/read/ends.ts';
import { Action } from '../../../src/model/action.ts';
import { DataIntegrityError } from '../../../src/model/errors.ts';
import { Partition } from '../../../src/model/position.ts';
import type { EventualJournal } from '../../../src/ports/eventual-journal.ts';
import { applyRecord, recordsOf } from '../../support/journal/replicate.ts';
import { CountingWorld, eventsFrom, readAll } from './counting-world.ts';

/** Its events up to 3 were replicated from partition 1; by now its records land in partition 0. */
describe('A journal whose key has moved, since its topic got more partitions', () => {
  let world: CountingWorld;
  beforeEach(async () => {
    world = await CountingWorld.open();
    const old = await CountingWorld.open();
    await old.writer().append(eventsFrom(1, 3));
    for (const { action, at } of await recordsOf(old.store.consumer, old.key(), Partition.of(0))) {
      const moved = {
        action: { ...action, key: world.key() },
        at: { ...at, partition: Partition.of(1) },
      };
      await applyRecord(world.store.replicated, moved);
    }
    await old[Symbol.asyncDispose]();
  });
  afterEach(() => world[Symbol.asyncDispose]());

  const replicated = '1@0 2@0 3@0';
  async function readBoth(): Promise<readonly string[]> {
    const headCache = world.cache();
    return [await readAll(world.reader()), await readAll(world.reader({ headCache }))];
  }

  it('is read while nothing of its new partition is replicated', async () => {
    const whole = `${replicated} last 3`;
    expect(await readBoth()).to.deep.equal([whole, whole]);
    expect(await world.reader().pointer()).to.equal(3);
  });

  it('goes on after its last number, also while a replicator applies what follows', async () => {
    await world.writer().append(eventsFrom(4, 1));
    const whole = `${replicated} 4@0 last 4`;
    expect(await readBoth()).to.deep.equal([whole, whole]);
    const records = await recordsOf(world.store.consumer, world.key(), Partition.of(0));
    const append = records.find(({ action }) => Action.isAppend(action));
    if (append === undefined) throw new Error('nothing was appended');
    await applyRecord(world.store.replicated, append);
    expect(await readBoth()).to.deep.equal([whole, whole]);
    await world.replicate();
    expect(await readBoth()).to.deep.equal([whole, whole]);
  });

  it('is not read over a number that is missing where it moved', async () => {
    await world.writer().append(eventsFrom(5, 1));
    const failure = await readAll(world.reader()).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(DataIntegrityError);
    expect(failure).to.have.property('message').that.includes('4');
  });

  it('is read again when it is purged after the look at what is replicated of its new partition', async () => {
    await world.writer().append(eventsFrom(4, 1));
    const { eventual } = world.parts();
    let isPurged = false;
    const purgedBefore: EventualJournal = {
      ...eventual,
      pointer: async (...args) => {
        if (!isPurged) {
          isPurged = true;
          await world.writer().purge();
          await world.replicate();
        }
        return await eventual.pointer(...args);
      },
    };
    expect(await readAll(world.reader({ eventual: purgedBefore }))).to.equal('last none');
  });

  it('keeps its numbers: a record that takes one again is named, and the one that has it', async () => {
    await world.writer().append(eventsFrom(3, 1));
    const failure = await readAll(world.reader()).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(DataIntegrityError);
    expect(failure).to.have.property('message').that.includes('at 0:0').and.includes('at 1:0');
  });

  it('is refused where a read ends at the end offset', async () => {
    const reader = world.reader({ readEnd: endByOffset(world.store.consumer) });
    const failure = await readAll(reader).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(DataIntegrityError);
  });
});
