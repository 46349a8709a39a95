import { expect } from 'chai';
import { failureOf } from '../support.ts';
import { addOnes, open } from './support.ts';

/** Number 1 is the init record. */
describe('deleting events of an entity with a snapshot store', () => {
  it('takes a snapshot first, and leaves its last event', async () => {
    const world = open();
    await addOnes(world, 4);
    await world.host.deleteEvents(world.actor, 5);
    expect(await world.store.numbers('c|1')).to.deep.equal([5]);
    expect(world.journal.deletions).to.deep.equal([['c|1', 4]]);
    const next = open({ journal: world.journal, store: world.store });
    await next.host.whenRecovered(next.actor);
    expect(next.actor.getSnapshot()).to.have.nested.property('context.count', 4);
  });

  it('takes none when one of this process stands for them', async () => {
    const world = open({ entity: { retention: { snapshotEvery: 4, keepSnapshots: 9 } } });
    await addOnes(world, 4);
    await world.host.deleteEvents(world.actor, 3);
    expect(await world.store.numbers('c|1')).to.deep.equal([4]);
    expect(world.journal.deletions).to.deep.equal([['c|1', 3]]);
  });

  it('deletes nothing when the snapshot cannot be saved', async () => {
    const world = open();
    await addOnes(world, 2);
    world.store.failNext('save');
    expect(await failureOf(world.host.deleteEvents(world.actor, 2))).to.have.property(
      'message',
      'broken',
    );
    expect(world.journal.deletions).to.deep.equal([]);
  });

  it('is refused where no live actor can take one', async () => {
    const world = open();
    await addOnes(world, 2);
    await world.host.stop(world.actor);
    expect(await failureOf(world.host.deleteEvents(world.actor, 2))).to.have.property(
      'code',
      'INVALID_INPUT',
    );
    expect(world.journal.deletions).to.deep.equal([]);
  });
});
