import { expect } from 'chai';
import { Offset } from '../../../../src/model/position.ts';
import { settle } from '../../../support/replicator/manual-clock.ts';
import {
  append,
  logRecord,
  partition0,
  partition1,
  purge,
  type Step,
  unreadableEvents,
} from '../../../support/replicator/records.ts';
import { testReplicator } from '../../../support/replicator/test-replicator.ts';
import { refuse, replicated, type World } from './tenures-world.ts';

const place = 'journal/0';
const waiting = (seqNr: number, wake: number | 'none'): Step => {
  return { type: 'append', from: seqNr, to: seqNr, wake };
};

async function assigned(replicatedTo?: number, wakeUpsUpTo?: number): Promise<World> {
  const world = await testReplicator();
  if (replicatedTo !== undefined) {
    world.store.offsets.set(place, replicatedTo);
    world.store.tenuresKnown.set(place, replicatedTo);
  }
  if (wakeUpsUpTo !== undefined) world.store.wakeUpsKnown.set(place, wakeUpsUpTo);
  await world.member().assign(partition0);
  return world;
}

/** Calls of the store that change something, in order. */
const changes = ({ store }: World): readonly string[] =>
  store.calls.flatMap(({ name, offset }) => {
    return ['saveWakeUp', 'append', 'purge', 'saveWakeUps', 'saveOffset'].includes(name)
      ? [`${name} ${offset}`]
      : [];
  });

describe('PartitionWakeUps', () => {
  it('stores a wake-up, then the row, then how far they are complete, then R', async () => {
    const world = await assigned();
    await replicated(world, [logRecord('a', 0, waiting(1, 50))]);
    expect(changes(world)).to.deep.equal([
      'saveWakeUp 0',
      'append 0',
      'saveWakeUps 0',
      'saveOffset 0',
    ]);
    expect([...world.store.wakeUps]).to.deep.equal([
      ['journal:a', { dueMs: 50, reason: 'time', offset: 0 }],
    ]);
  });

  it('writes nothing for journals whose records say nothing of it', async () => {
    const world = await assigned(0, 0);
    await replicated(world, [logRecord('a', 1, append(1)), logRecord('b', 2, append(1))]);
    expect(changes(world)).to.deep.equal(['append 1', 'append 2', 'saveWakeUps 2', 'saveOffset 2']);
  });

  it('does not move R before it has said how far they are complete', async () => {
    const world = await assigned(0, 0);
    world.store.before = refuse('saveWakeUps');
    await replicated(world, [logRecord('a', 1, waiting(1, 50))]);
    expect(world.store.offsets.get(place)).to.equal(0);
  });

  it('holds the row of a journal whose wake-up is not stored', async () => {
    const world = await assigned(0, 0);
    world.store.before = refuse('saveWakeUp');
    await replicated(world, [logRecord('a', 1, waiting(1, 50))]);
    expect(world.store.seqNrs('journal:a')).to.deep.equal([]);
    expect(world.store.offsets.get(place)).to.equal(0);
  });

  it('leaves the older one when a record cannot be decoded', async () => {
    const world = await assigned(0, 0);
    const records = [logRecord('a', 1, waiting(1, 50)), unreadableEvents('a', 2, 2)];
    await replicated(world, records);
    expect(world.store.wakeUps.get('journal:a')).to.deep.include({ offset: 1 });
  });

  it('removes it with a purge and with a final append', async () => {
    const world = await assigned(0, 0);
    await replicated(world, [logRecord('a', 1, waiting(1, 50)), logRecord('b', 2, waiting(1, 60))]);
    expect(world.store.wakeUps.size).to.equal(2);
    await replicated(world, [logRecord('a', 3, purge), logRecord('b', 4, waiting(2, 'none'))]);
    expect([...world.store.wakeUps]).to.deep.equal([]);
  });

  for (const known of [undefined, 3]) {
    const where =
      known === undefined ? 'nobody kept any' : `they are complete up to ${known}, R is 7`;
    it(`says once of a topic that some are missing, and nothing of how far: where ${where}`, async () => {
      const world = await assigned(7, known);
      world.store.offsets.set('journal/1', 7);
      world.store.tenuresKnown.set('journal/1', 7);
      await world.member().assign(partition1);
      await replicated(world, [logRecord('a', 8, waiting(1, 50))]);
      const said = world.log.lines.filter(({ message }) => message.startsWith('wake-ups of'));
      expect(said.map(({ level }) => level)).to.deep.equal(['warn']);
      expect(world.store.wakeUpsKnown.get(place)).to.equal(known);
      expect(world.store.wakeUps.get('journal:a')).to.deep.include({ offset: 8 });
      expect(world.store.offsets.get(place)).to.equal(8);
    });
  }

  it('says nothing where they are complete, however far beyond R', async () => {
    for (const known of [7, 90]) {
      const world = await assigned(7, known);
      await replicated(world, [logRecord('a', 8, waiting(1, 50))]);
      expect(world.log.lines.filter(({ level }) => level === 'warn')).to.deep.equal([]);
      expect(world.store.wakeUpsKnown.get(place)).to.equal(Offset.of(8));
      await settle();
    }
  });
});
