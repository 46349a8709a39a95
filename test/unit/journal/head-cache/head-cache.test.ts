import { expect } from 'chai';
import {
  DataIntegrityError,
  LogUnavailableError,
  StoreUnavailableError,
} from '../../../../src/model/errors.ts';
import { Offset, Partition } from '../../../../src/model/position.ts';
import { append, mark, opening, recordKey } from '../../../support/journal/action-records.ts';
import { settle } from '../../../support/replicator/manual-clock.ts';
import { expiryMs, getTimeoutMs, World } from './followed-world.ts';

describe('HeadCache', () => {
  it('follows from the beginning when nothing is replicated, and answers what it was fed', async () => {
    const world = new World();
    const answer = world.ask(11);
    await settle();
    expect(world.last.start).to.include({ partition: 0, from: 0 });
    const appends = Array.from({ length: 11 }, (_, offset) => append(offset, offset + 1));
    world.last.feed(...appends);
    expect(await answer).to.deep.equal(appends.map((record) => record.at.offset));
    await world.cache[Symbol.asyncDispose]();
    expect(world.last.running).to.equal(false);
  });

  it('knows that nothing is unreplicated without a look at the log', async () => {
    const world = new World();
    world.replicated = Offset.of(9);
    expect(await world.ask(10)).to.deep.equal([]);
    expect(world.last.start.from).to.equal(10);
    await world.cache[Symbol.asyncDispose]();
  });

  it('waits for a mark to arrive', async () => {
    const world = new World();
    const answer = world.ask(1);
    await settle();
    world.last.feed(mark(0, 'other'));
    expect(await answer).to.deep.equal([]);
    expect(world.cache.stats).to.deep.include({ waited: 1, hits: { held: 1, ranges: 0 } });
    await world.cache[Symbol.asyncDispose]();
  });

  it('follows again from where it was when following fails, and answers on', async () => {
    const world = new World();
    const first = world.ask(1);
    await settle();
    world.last.feed(append(0, 1));
    expect(await first).to.deep.equal([0]);
    world.last.fail(new LogUnavailableError('gone'));
    await settle();
    expect([await world.ask(1), await world.ask(2)]).to.deep.equal([[0], 'miss']);
    await world.clock.advance(1_000);
    expect(world.follows.map(({ start, running }) => [start.from, running])).to.deep.equal([
      [0, false],
      [1, true],
    ]);
    world.last.feed(append(1, 2));
    expect(await world.ask(2)).to.deep.equal([0, 1]);
    await world.cache[Symbol.asyncDispose]();
  });

  it('does not know when nothing comes within the time limit, and holds nobody', async () => {
    const world = new World();
    const answer = world.ask(5);
    await settle();
    expect(world.cache.stats.waiting).to.equal(1);
    await world.clock.advance(getTimeoutMs);
    expect(await answer).to.equal('miss');
    expect(world.cache.stats).to.deep.include({ waiting: 0 });
    expect(world.cache.stats.misses.timeout).to.equal(1);
    await world.cache[Symbol.asyncDispose]();
  });

  it('ends a wait with the reason of its signal, and holds nobody', async () => {
    const world = new World();
    const stop = new AbortController();
    const reason = new Error('enough');
    const answer = world.ask(5, 0, stop.signal).catch((error: unknown) => error);
    await settle();
    stop.abort(reason);
    expect(await answer).to.equal(reason);
    expect(world.cache.stats.waiting).to.equal(0);
    await world.cache[Symbol.asyncDispose]();
  });

  it('ends every wait when it is closed, and misses from then on', async () => {
    const world = new World();
    const answer = world.ask(5);
    await settle();
    await world.cache[Symbol.asyncDispose]();
    expect([await answer, await world.ask(1)]).to.deep.equal(['miss', 'miss']);
    expect(world.cache.stats).to.deep.include({ partitions: 0, waiting: 0 });
    expect(world.clock.sleeping).to.equal(0);
  });

  it('is a miss, told once, while it cannot even begin, and begins when it can', async () => {
    const world = new World();
    world.offsetError = new Error('the store is down');
    expect(await world.ask(1)).to.equal('miss');
    await world.clock.advance(3_000);
    expect(await world.ask(1)).to.equal('miss');
    expect(world.logger.of('warn')).to.have.length(1);
    world.offsetError = undefined;
    await world.clock.advance(3_000);
    world.last.feed(append(0, 1));
    expect(await world.ask(1)).to.deep.equal([0]);
    await world.cache[Symbol.asyncDispose]();
  });

  it('is a miss for a partition that does not exist, and others go on', async () => {
    const world = new World();
    const answer = world.ask(1, 7);
    await settle();
    world.last.fail(new LogUnavailableError('no such partition'));
    expect(await answer).to.equal('miss');
    const other = world.ask(1, 0);
    await settle();
    world.follows.find(({ start }) => start.partition === 0)?.feed(append(0, 1));
    expect(await other).to.deep.equal([0]);
    await world.cache[Symbol.asyncDispose]();
  });

  it('follows a partition that is added while it is asked about', async () => {
    const world = new World();
    const before = world.ask(1, 7);
    await settle();
    world.last.fail(new LogUnavailableError('no such partition'));
    expect(await before).to.equal('miss');
    await world.clock.advance(1_000);
    const after = world.ask(1, 7);
    await settle();
    expect(world.last.start.partition).to.equal(7);
    world.last.feed(append(0, 1));
    expect(await after).to.deep.equal([0]);
    await world.cache[Symbol.asyncDispose]();
  });

  it('begins anew when the log no longer has what comes next', async () => {
    const world = new World();
    const answer = world.ask(1);
    await settle();
    world.last.feed(append(0, 1));
    await answer;
    world.last.fail(new DataIntegrityError('records are missing'));
    world.replicated = Offset.of(7);
    await world.clock.advance(1_000);
    expect(world.last.start.from).to.equal(8);
    expect(await world.ask(8)).to.deep.equal([]);
    await world.cache[Symbol.asyncDispose]();
  });

  it('follows a partition once, however many ask at the same time', async () => {
    const world = new World();
    const answers = Array.from({ length: 20 }, () => world.ask(1));
    await settle();
    expect([world.follows.length, world.offsetReads]).to.deep.equal([1, 1]);
    world.last.feed(append(0, 1));
    expect(await Promise.all(answers)).to.deep.equal(answers.map(() => [0]));
    await world.cache[Symbol.asyncDispose]();
  });

  it('stops following a partition that nobody asks about, and begins again when somebody does', async () => {
    const world = new World();
    world.replicated = Offset.of(0);
    await world.ask(1);
    await world.clock.advance(expiryMs / 2);
    await world.ask(1);
    await world.clock.advance(expiryMs - 1);
    expect([world.last.running, world.cache.stats.partitions]).to.deep.equal([true, 1]);
    await world.clock.advance(1);
    expect([world.last.running, world.cache.stats.partitions]).to.deep.equal([false, 0]);
    expect(await world.ask(1)).to.deep.equal([]);
    expect(world.follows).to.have.length(2);
    await world.cache[Symbol.asyncDispose]();
  });

  it('follows a partition that was left no longer, until somebody asks about it again', async () => {
    const world = new World();
    const waiting = world.ask(1);
    await settle();
    world.cache.leave(recordKey.topic, Partition.of(0));
    expect(await waiting).to.equal('miss');
    await settle();
    expect([world.last.running, world.cache.stats.partitions]).to.deep.equal([false, 0]);
    const again = world.ask(1);
    await settle();
    expect([world.follows.length, world.cache.stats.partitions]).to.deep.equal([2, 1]);
    world.last.feed(append(0, 1));
    expect(await again).to.deep.equal([0]);
    await world.cache[Symbol.asyncDispose]();
    expect(world.last.running).to.equal(false);
  });

  it('asks how far the partition is replicated once an interval, only while it is in use', async () => {
    const world = new World();
    world.replicated = Offset.of(0);
    await world.ask(1);
    await world.clock.advance(100);
    const before = world.offsetReads;
    await world.clock.advance(1_000);
    expect(world.offsetReads).to.equal(before);
    world.last.feed(append(1, 1));
    await settle();
    await world.clock.advance(1_000);
    expect(world.offsetReads).to.equal(before + 10);
    world.replicated = Offset.of(1);
    await world.clock.advance(1_000);
    expect([world.offsetReads, world.cache.stats.ids, world.cache.stats.heldBytes]).to.deep.equal([
      before + 11,
      0,
      0,
    ]);
    await world.cache[Symbol.asyncDispose]();
  });

  it('keeps what it has when the store does not tell how far it is', async () => {
    const world = new World();
    const answer = world.ask(1);
    await settle();
    world.last.feed(append(0, 1));
    await answer;
    world.offsetError = new Error('the store is down');
    await world.clock.advance(10_000);
    expect(await world.ask(1)).to.deep.equal([0]);
    expect(world.last.running).to.equal(true);
    await world.cache[Symbol.asyncDispose]();
  });

  describe('of a partition with tenures', () => {
    const under = (of: number) => ({ under: ['a', of] }) as const;

    it('asks for a tenure before it takes the first record that names it, and for no other', async () => {
      const world = new World();
      world.replicated = Offset.of(4);
      world.lastTenure = async () => Offset.of(3);
      const answer = world.ask(8);
      await settle();
      world.last.feed(append(5, 1));
      await settle();
      expect(world.tenureReads).to.deep.equal([]);
      world.last.feed(append(6, 2, under(1)), append(7, 2, under(3)));
      expect(await answer).to.deep.equal([5, 7]);
      world.last.feed(opening(8, 'b'), append(9, 3, under(3)), append(10, 4, { under: ['b', 8] }));
      expect(await world.ask(11)).to.deep.equal([5, 7, 9, 10]);
      expect(world.tenureReads).to.deep.equal(['0 a 4']);
      await world.cache[Symbol.asyncDispose]();
    });

    it('asks for none where nothing is replicated', async () => {
      const world = new World();
      const answer = world.ask(1);
      await settle();
      world.last.feed(append(0, 1, under(1)));
      expect(await answer).to.equal('miss');
      expect(world.tenureReads).to.deep.equal([]);
      await world.cache[Symbol.asyncDispose]();
    });

    it('does not take over what it asked for when the replicated offset has passed it meanwhile', async () => {
      const world = new World();
      world.replicated = Offset.of(4);
      const asked = Promise.withResolvers<Offset>();
      world.lastTenure = (upTo) => (upTo === 4 ? asked.promise : Promise.resolve(Offset.of(6)));
      const answer = world.ask(9);
      await settle();
      world.last.feed(
        append(5, 1, under(3)),
        opening(6, 'a'),
        append(7, 2, under(3)),
        append(8, 2, under(6)),
      );
      await settle();
      world.replicated = Offset.of(6);
      // The replicated offset is looked at while somebody asks.
      const another = world.ask(9);
      await world.clock.advance(100);
      asked.resolve(Offset.of(3));
      expect(await Promise.all([answer, another])).to.deep.equal([[8], [8]]);
      expect(world.tenureReads).to.deep.equal(['0 a 4', '0 a 6']);
      await world.cache[Symbol.asyncDispose]();
    });

    it('does not know of marks that were replicated before it saw them', async () => {
      const world = new World();
      world.replicated = Offset.of(4);
      world.lastTenure = async () => Offset.of(5);
      const answers = [world.ask(7), world.ask(7)];
      await settle();
      world.replicated = Offset.of(5);
      await world.clock.advance(100);
      world.last.feed(opening(5, 'a'), append(6, 1, under(5)));
      expect(await Promise.all(answers)).to.deep.equal([[6], [6]]);
      expect(world.tenureReads).to.deep.equal(['0 a 5']);
      await world.cache[Symbol.asyncDispose]();
    });

    it('asks again while the store does not know all marks', async () => {
      const world = new World();
      world.replicated = Offset.of(4);
      world.lastTenure = async () => 'unknown';
      const answer = world.ask(6);
      await settle();
      world.last.feed(append(5, 1, under(3)));
      expect(await answer).to.equal('miss');
      world.lastTenure = async () => Offset.of(3);
      world.last.feed(append(6, 2, { ...under(3), id: 'other' }));
      await settle();
      expect(world.cache.stats.misses.undecodable).to.equal(1);
      expect(world.tenureReads).to.deep.equal(['0 a 4', '0 a 4']);
      await world.cache[Symbol.asyncDispose]();
    });

    it('goes on from where it was when the store does not answer', async () => {
      const world = new World();
      world.replicated = Offset.of(4);
      world.lastTenure = async () => {
        throw new StoreUnavailableError('down');
      };
      const answer = world.ask(6);
      await settle();
      world.last.feed(append(5, 1, under(3)));
      expect(await answer).to.equal('miss');
      world.lastTenure = async () => Offset.of(3);
      await world.clock.advance(1_000);
      expect(world.last.start.from).to.equal(5);
      world.last.feed(append(5, 1, under(3)));
      await settle();
      expect(await world.ask(6)).to.deep.equal([5]);
      await world.cache[Symbol.asyncDispose]();
    });
  });
});
