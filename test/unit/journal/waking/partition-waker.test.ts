import { expect } from 'chai';
import {
  PartitionWaker,
  type SettledSuspects,
} from '../../../../src/journal/waking/partition-waker.ts';
import { ClosedError } from '../../../../src/model/errors.ts';
import { Offset } from '../../../../src/model/position.ts';
import { openAheadMs } from '../../../../src/model/wake-up.ts';
import { clockStartMs, Ground, place } from './ground.ts';

describe('the waker of a partition', () => {
  let ground: Ground;
  beforeEach(() => {
    ground = new Ground();
  });
  afterEach(async () => {
    ground.stopping.abort(new ClosedError('over'));
    await ground.running;
  });

  const start = (settled?: SettledSuspects) =>
    ground.start(new PartitionWaker(place, ground.deps, settled));

  it('opens what is overdue at once, the earliest deadline first', async () => {
    ground.stored('b', -1_000, 5);
    ground.stored('a', -2_000, 6);
    await start();
    expect(ground.ids()).to.deep.equal(['a', 'b']);
  });

  it('opens an entity just before its time, once', async () => {
    ground.stored('a', 5_000, 5);
    await start();
    await ground.pass(4_900 - openAheadMs);
    expect(ground.ids()).to.deep.equal([]);
    await ground.pass(200);
    expect(ground.ids()).to.deep.equal(['a']);
    await ground.pass(30_000);
    expect(ground.ids()).to.deep.equal(['a']);
  });

  it('finds what comes into sight later', async () => {
    ground.stored('a', 45_000, 5);
    await start();
    await ground.pass(45_000);
    expect(ground.ids()).to.deep.equal(['a']);
  });

  it('takes what the log says after R for the truth', async () => {
    ground.stored('fired', -1_000, 5);
    ground.written('fired', 11, 'none');
    ground.stored('moved', -1_000, 5);
    ground.written('moved', 12, clockStartMs + 3_000);
    ground.stored('same', -1_000, 5);
    ground.written('same', 13, undefined);
    ground.written('new', 14, 'now');
    await start();
    expect(ground.ids()).to.have.members(['same', 'new']);
    await ground.pass(3_000);
    expect(ground.ids()).to.have.members(['same', 'new', 'moved']);
  });

  it('forgets what the log said once the store has it', async () => {
    ground.stored('moved', -1_000, 5);
    ground.written('moved', 12, clockStartMs + 60_000);
    await start();
    ground.stored('moved', 60_000, 12);
    ground.replicated = Offset.of(50);
    await ground.pass(12_000);
    ground.stored('moved', 13_000, 60); // a later append, which this process never saw
    await ground.pass(10_000);
    expect(ground.ids()).to.deep.equal(['moved']);
  });

  it('does not open what was taken away meanwhile', async () => {
    ground.stored('a', 25_000, 5);
    await start();
    ground.entries.clear();
    await ground.pass(30_000);
    expect(ground.ids()).to.deep.equal([]);
  });

  it('tries an entity again that cannot be opened, later and later, and others meanwhile', async () => {
    ground.stored('poison', -1_000, 5);
    ground.stored('good', 2_000, 6);
    ground.failing.add('poison');
    await start();
    await ground.pass(20_000);
    const tries = ground.opened.filter(([id]) => id === 'poison').map(([, atMs]) => atMs);
    expect(ground.ids()).to.include('good');
    expect(tries.length).to.be.within(4, 6);
  });

  it('says when the store cannot know all, and goes on with what it knows', async () => {
    ground.until = Offset.of(3);
    ground.stored('a', -1_000, 2);
    await start();
    expect(ground.ids()).to.deep.equal(['a']);
    expect(ground.log.of('warn').join()).to.contain('wakeups rebuild');
  });

  it('goes on when the store was gone for a moment', async () => {
    ground.storeFails = 2;
    ground.stored('a', -1_000, 5);
    await start();
    await ground.pass(4_000);
    expect(ground.ids()).to.deep.equal(['a']);
  });

  it('wakes what it has found while the store is gone, and retries no entity twice as often then', async () => {
    ground.stored('a', 25_000, 5);
    ground.stored('poison', -1_000, 6);
    ground.failing.add('poison');
    await start();
    ground.storeFails = 4;
    await ground.pass(26_000);
    expect(ground.ids()).to.include('a');
    expect(ground.ids().filter((id) => id === 'poison').length).to.be.within(4, 6);
    expect(ground.logReads, 'nobody else writes').to.equal(1);
  });

  it('begins with a short pause again after the store was there', async () => {
    await start();
    for (let outage = 0; outage < 5; outage++) {
      ground.storeFails = 1;
      await ground.pass(11_000);
    }
    const failures = ground.log.lines.filter(({ level }) => level === 'warn');
    expect(failures.map(({ fields }) => fields['failures'])).to.deep.equal([1, 1, 1, 1, 1]);
  });

  it('does not open for what the log said once the store knows that it is done', async () => {
    ground.written('fired', 12, clockStartMs + 40_000);
    await start();
    ground.replicated = Offset.of(50);
    await ground.pass(60_000);
    expect(ground.ids()).to.deep.equal([]);
  });

  it('does not open what was purged', async () => {
    ground.stored('gone', -1_000, 5);
    ground.purged('gone', 12);
    await start();
    expect(ground.ids()).to.deep.equal([]);
  });

  describe('of suspects', () => {
    /** Takes the partition again, with what was found out before. Answers what is opened then. */
    async function again(settled: SettledSuspects): Promise<readonly string[]> {
      ground.lose(new ClosedError('lost'));
      await ground.running;
      ground.opened.length = 0;
      await start(settled);
      return ground.ids();
    }

    it('opens none again that has waited for nothing, also when the partition comes back', async () => {
      const settled: SettledSuspects = new Map();
      ground.stored('idle', -1_000, 5, 'unknown');
      ground.stored('waiting', -1_000, 6, 'unknown');
      ground.stored('broken', -1_000, 7, 'unknown');
      ground.idle.add('idle').add('broken');
      ground.failing.add('broken');
      await start(settled);
      expect(ground.ids()).to.have.members(['idle', 'waiting', 'broken']);
      expect(await again(settled)).to.have.members(['waiting', 'broken']);
    });

    it('opens it again for another entry, and whatever has a time or work under way', async () => {
      const settled: SettledSuspects = new Map();
      ground.stored('suspect', -1_000, 5, 'unknown');
      ground.stored('timer', -1_000, 6);
      ground.stored('work', -1_000, 7, 'now');
      for (const id of ['suspect', 'timer', 'work']) ground.idle.add(id);
      await start(settled);
      ground.stored('suspect', -1_000, 50, 'unknown');
      expect(await again(settled)).to.have.members(['suspect', 'timer', 'work']);
    });

    it('opens it for what the log says of it', async () => {
      const settled: SettledSuspects = new Map();
      ground.stored('suspect', -1_000, 5, 'unknown');
      ground.idle.add('suspect');
      await start(settled);
      ground.written('suspect', 120, 'now');
      expect(await again(settled)).to.deep.equal(['suspect']);
    });

    it('forgets what the store has no more', async () => {
      const settled: SettledSuspects = new Map();
      ground.stored('suspect', -1_000, 5, 'unknown');
      ground.idle.add('suspect');
      await start(settled);
      expect([...settled.keys()]).to.deep.equal(['suspect']);
      ground.entries.clear();
      await ground.pass(10_000);
      expect([...settled.keys()]).to.deep.equal([]);
    });

    it('looks less often where a look takes long, and misses no deadline by that', async () => {
      ground.lookMs = 3_000; // its share of the time: a minute between two looks
      ground.stored('timer', 75_000, 5);
      await start();
      await ground.pass(3_000);
      await ground.pass(10_000);
      for (let second = 0; second < 120; second++) await ground.pass(1_000);
      expect(ground.looks).to.be.within(3, 4);
      expect(ground.opened).to.deep.equal([['timer', 75_000 - openAheadMs]]);
    });
  });

  it('ends with the tenure, and opens nothing more', async () => {
    ground.stored('a', 5_000, 5);
    await start();
    ground.lose(new ClosedError('lost'));
    await ground.running;
    await ground.pass(10_000);
    expect(ground.ids()).to.deep.equal([]);
  });
});
