import { expect } from 'chai';
import { Offset } from '../../../../src/model/position.ts';
import { append, recordKey } from '../../../support/journal/action-records.ts';
import { settle } from '../../../support/replicator/manual-clock.ts';
import { at, getTimeoutMs, World } from './followed-world.ts';

describe('HeadCache, a second after the last question', () => {
  /** Asked, and fed one record after a second. */
  async function quiet(): Promise<World> {
    const world = new World();
    world.replicated = Offset.of(0);
    await world.ask(1);
    await world.clock.advance(1_000);
    world.last.feed(append(1, 1));
    await settle();
    return world;
  }

  it('fetches nothing that comes, until somebody asks', async () => {
    const world = await quiet();
    expect([world.last.running, world.cache.stats.partitions]).to.deep.equal([false, 1]);
    const answer = world.ask(3);
    await settle();
    expect([world.follows.length, world.last.start.from]).to.deep.equal([2, 2]);
    world.last.feed(append(2, 2));
    expect(await answer).to.deep.equal([1, 2]);
    await world.cache[Symbol.asyncDispose]();
  });

  it('never looks at what was replicated meanwhile', async () => {
    const world = await quiet();
    world.replicated = Offset.of(7);
    await world.clock.advance(100);
    expect(await world.ask(8)).to.deep.equal([]);
    await settle();
    expect([world.follows.length, world.last.start.from]).to.deep.equal([2, 8]);
    await world.cache[Symbol.asyncDispose]();
  });

  it('goes on up to what was asked for, though nobody waits for it any more', async () => {
    const world = new World();
    const answer = world.ask(3);
    await settle();
    await world.clock.advance(getTimeoutMs);
    expect(await answer).to.equal('miss');
    world.last.feed(append(0, 1), append(1, 2));
    await settle();
    expect(world.last.running).to.equal(true);
    world.last.feed(append(2, 3));
    await settle();
    expect(world.last.running).to.equal(false);
    await world.cache[Symbol.asyncDispose]();
  });

  it('goes on where a journal may be written without a tenure: its writer hears of others', async () => {
    const world = new World();
    world.replicated = Offset.of(0);
    await world.ask(1);
    world.cache.writers.read(recordKey, at(1));
    await world.clock.advance(1_000);
    world.last.feed(append(1, 1));
    await settle();
    expect([world.follows.length, world.last.running]).to.deep.equal([1, true]);
    await world.cache[Symbol.asyncDispose]();
  });
});
