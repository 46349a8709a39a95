import { expect } from 'chai';
import { partitionOf } from '../../../../src/codec/java-hash.ts';
import { ClosedError, NotOwnerError, NotSetUpError } from '../../../../src/model/errors.ts';
import { Offset, Partition } from '../../../../src/model/position.ts';
import { settle } from '../../../support/replicator/manual-clock.ts';
import { failureOf } from '../../actor/support.ts';
import { HoldingWorld, holdingTimeMs, type Process } from './holding-world.ts';

const minuteMs = 60_000;

describe('A process that keeps a partition', () => {
  let world: HoldingWorld;
  let mine: Process;
  let stopping: AbortController;
  beforeEach(() => {
    world = new HoldingWorld();
    mine = world.process('mine');
    stopping = new AbortController();
  });
  afterEach(() => world.close());

  const partition = Partition.of(0);
  const keep = (of = partition) => mine.tenures.keep(world.topic, of, stopping.signal);
  const isHeld = () => mine.tenures.holds(world.topic, partition);

  it('has a tenure that is seen, and says so', async () => {
    expect(isHeld()).to.equal(false);
    const tenure = await keep();
    expect(tenure.isConfirmed).to.equal(true);
    expect(isHeld()).to.equal(true);
    expect(world.text).to.equal('open(mine)');
  });

  it('does not hold it before the mark is seen', async () => {
    world.log.show(0);
    const keeping = keep();
    await settle();
    expect(isHeld()).to.equal(false);
    world.log.show();
    await keeping;
    expect(isHeld()).to.equal(true);
  });

  it('opens each partition with a key of that partition', async () => {
    world.log.partitions = 5;
    for (let number = 0; number < 5; number++) {
      mine.tenures.keep(world.topic, Partition.of(number), stopping.signal).catch(() => {});
      await settle();
      const key = world.log.records.at(-1)?.action.key.id ?? expect.fail('no mark');
      expect(partitionOf(Buffer.from(key, 'utf8'), 5)).to.equal(number);
    }
  });

  it('keeps none that the topic got later: its keys have moved', async () => {
    await keep();
    world.log.partitions = 3;
    // No key lies in such a partition by the number that the process knows.
    expect(await failureOf(keep(Partition.of(2)))).to.include({ code: 'DATA_INTEGRITY' });
    expect(world.text).to.equal('open(mine)');
  });

  it('shares the tenure with the journals of the partition', async () => {
    const tenure = await keep();
    const journal = await mine.hold();
    expect(journal.tenure.of).to.equal(tenure.of);
    expect(world.text).to.equal('open(mine)');
  });

  it('does not give it up while none of its journals is in use, but afterwards', async () => {
    const tenure = await keep();
    await (await mine.hold())[Symbol.asyncDispose]();
    await world.clock.advance(10 * minuteMs);
    expect(isHeld()).to.equal(true);
    stopping.abort(new ClosedError('enough'));
    await world.clock.advance(minuteMs + 10_000);
    expect(isHeld()).to.equal(false);
    expect(tenure.isOver).to.equal(true);
    expect(world.clock.sleeping).to.equal(0);
  });

  it('loses it to another process, and does not take it back by itself', async () => {
    const tenure = await keep();
    world.open();
    await settle();
    expect(isHeld()).to.equal(false);
    expect(tenure.signal.reason).to.be.instanceOf(NotOwnerError);
    await world.clock.advance(minuteMs);
    expect(world.text).to.equal('open(mine) open(holder)');
    const again = keep();
    await world.clock.advance(holdingTimeMs);
    expect((await again).isOver).to.equal(false);
  });

  it('is refused where no tenure can be held', async () => {
    world.replicated = Offset.of(5);
    world.lastTenure = 'unknown';
    const failure = await keep().catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(NotSetUpError);
    expect(isHeld()).to.equal(false);
  });

  it('stops waiting when it is told to', async () => {
    world.log.show(0);
    const keeping = keep().catch((error: unknown) => error);
    await settle();
    const enough = new ClosedError('enough');
    stopping.abort(enough);
    expect(await keeping).to.equal(enough);
  });
});
