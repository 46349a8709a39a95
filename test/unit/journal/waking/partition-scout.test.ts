import { expect } from 'chai';
import { PartitionScout } from '../../../../src/journal/waking/partition-scout.ts';
import { ClosedError, NotSetUpError, StoreUnavailableError } from '../../../../src/model/errors.ts';
import { Offset } from '../../../../src/model/position.ts';
import { openAheadMs } from '../../../../src/model/wake-up.ts';
import { clockStartMs, Ground, place } from './ground.ts';

const aWhileMs = 10_000;

describe('the scout of a partition that belongs to nobody', () => {
  let ground: Ground;
  beforeEach(() => {
    ground = new Ground();
  });
  afterEach(async () => {
    ground.stopping.abort(new ClosedError('over'));
    await ground.running.catch(() => {});
  });

  const start = () => ground.start(new PartitionScout(place, ground.deps));
  const lose = () => ground.lose(new ClosedError('taken over'));

  it('takes the partition for what is overdue, and wakes all of it in its time', async () => {
    ground.stored('overdue', -60_000, 5);
    ground.stored('later', 5_000, 6);
    await start();
    expect(ground.ids()).to.deep.equal(['overdue']);
    await ground.pass(6_000);
    expect(ground.ids()).to.deep.equal(['overdue', 'later']);
    expect(ground.taken).to.equal(1);
  });

  it('leaves what is due just now to the process that may live; takes it when it stays', async () => {
    ground.stored('a', 500, 5);
    await start();
    await ground.pass(2_000);
    expect(ground.taken).to.equal(0);
    await ground.pass(2_500);
    expect(ground.ids()).to.deep.equal(['a']);
  });

  it('does not take it where the log has a newer word, whichever', async () => {
    ground.stored('fired', -60_000, 5);
    ground.written('fired', 11, 'none');
    ground.stored('moved', -60_000, 6);
    ground.written('moved', 12, clockStartMs + 600_000);
    ground.stored('purged', -60_000, 7);
    ground.purged('purged', 13);
    await start();
    await ground.pass(aWhileMs);
    expect(ground.taken).to.equal(0);
  });

  it('does not take it for what a living process fires while it looks', async () => {
    await start();
    ground.stored('a', 1_000, 5);
    await ground.pass(1_500);
    ground.written('a', 101, 'none'); // not replicated yet
    await ground.pass(aWhileMs);
    expect(ground.taken).to.equal(0);
  });

  it('counts each entry once: whoever lives with nothing to do is left in peace after that', async () => {
    ground.stored('stale', -60_000, 5);
    await start();
    expect(ground.taken).to.equal(1);
    lose();
    await ground.pass(10 * aWhileMs);
    expect(ground.taken).to.equal(1);
    ground.stored('stale', 0, 105); // a later word
    await ground.pass(aWhileMs);
    expect(ground.taken).to.equal(2);
  });

  it('counts an entry again when the partition could not be taken', async () => {
    ground.stored('a', -60_000, 5);
    ground.keepFails.push(new StoreUnavailableError('gone'), new StoreUnavailableError('gone'));
    await start();
    expect(ground.ids()).to.deep.equal([]);
    await ground.pass(5_000);
    expect(ground.ids()).to.deep.equal(['a']);
  });

  it('takes it for work that was under way before the start', async () => {
    ground.stored('work', -500, 5, 'now');
    ground.stored('never looked at', -500, 6, 'unknown');
    await start();
    expect(ground.taken, 'its process may have answered just now').to.equal(0);
    await ground.pass(4_000);
    expect(ground.ids()).to.have.members(['work', 'never looked at']);
  });

  it('does not take it for work that began later: its process is at it', async () => {
    await start();
    ground.stored('work', 100, 105, 'now');
    await ground.pass(10 * aWhileMs);
    expect(ground.taken).to.equal(0);
  });

  for (const [others, reason, offset] of [
    ['suspects that it has seen', 'unknown', 5],
    ['work that a process is at', 'now', 105],
  ] as const) {
    it(`finds a timer behind any number of ${others}`, async () => {
      for (let entity = 0; entity < 2_000; entity++)
        ground.stored(`other ${entity}`, -60_000, offset, reason);
      await start();
      await ground.pass(aWhileMs);
      const before = ground.taken;
      lose();
      await ground.pass(aWhileMs);
      ground.stored('timer', -5_000, 106);
      await ground.pass(aWhileMs);
      expect(ground.taken).to.equal(before + 1);
      expect(ground.ids()).to.include('timer');
    });
  }

  it('looks less often where a look takes long', async () => {
    ground.lookMs = 3_000; // its share of the time: a minute between two looks
    await start();
    for (let second = 0; second < 120; second++) await ground.pass(1_000);
    expect(ground.looks).to.be.within(2, 3);
  });

  it('wakes where the partition is held here for some other reason, soon', async () => {
    await start();
    ground.stored('a', openAheadMs + 900, 105);
    ground.isHeld = true;
    await ground.pass(1_000);
    expect(ground.opened).to.deep.equal([['a', 900]]);
  });

  it('finds what was written before the start in the log, though no replicator runs', async () => {
    ground.replicated = undefined;
    ground.until = undefined;
    ground.written('work', 11, 'now');
    await start();
    await ground.pass(4_000);
    expect(ground.ids()).to.deep.equal(['work']);
  });

  it('also what is due later', async () => {
    ground.written('later', 11, clockStartMs + 60_000);
    await start();
    await ground.pass(59_000);
    expect(ground.taken).to.equal(0);
    await ground.pass(6_000);
    expect(ground.ids()).to.deep.equal(['later']);
  });

  it('forgets what the log said once the store has it', async () => {
    ground.written('fired', 11, clockStartMs + 30_000);
    await start();
    ground.replicated = Offset.of(105); // its timer has fired, and the store knows
    await ground.pass(60_000);
    expect(ground.taken).to.equal(0);
  });

  it('does not read the log where nothing is new', async () => {
    await start();
    ground.stored('stale', -60_000, 5);
    ground.written('stale', 11, 'none');
    await ground.pass(60_000);
    expect(ground.logReads).to.equal(2);
  });

  it('passes over failures of the store', async () => {
    ground.storeFails = 3;
    ground.stored('a', -60_000, 5);
    await start();
    await ground.pass(7_000);
    expect(ground.ids()).to.deep.equal(['a']);
  });

  it('says where no tenure can be held', async () => {
    const failure = new NotSetUpError('a replicator of the JVM system');
    ground.keepFails.push(failure);
    ground.stored('a', -60_000, 5);
    await start();
    expect(await ground.running.catch((error: unknown) => error)).to.equal(failure);
  });

  it('ends with its signal, and wakes nothing more', async () => {
    ground.stored('a', 5_000, 5);
    await start();
    ground.stopping.abort(new ClosedError('over'));
    await ground.running;
    await ground.pass(aWhileMs);
    expect(ground.ids()).to.deep.equal([]);
  });
});
