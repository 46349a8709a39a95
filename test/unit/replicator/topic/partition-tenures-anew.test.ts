import { expect } from 'chai';
import { Offset } from '../../../../src/model/position.ts';
import { flowOver } from '../../../support/replicator/flow-over.ts';
import { MemoryReplicatedJournal } from '../../../support/replicator/memory-replicated-journal.ts';
import {
  append,
  logRecord,
  openingOf,
  opens,
  partition0,
  under,
} from '../../../support/replicator/records.ts';
import { testReplicator } from '../../../support/replicator/test-replicator.ts';

const place = 'journal/0';

/** As the store has it of the earlier topic. */
function opened({ tenures }: MemoryReplicatedJournal, offset: number, scope = ''): void {
  const marks = tenures.get(place) ?? new Map();
  tenures.set(place, marks.set(offset, { ...openingOf(scope), offset: Offset.of(offset) }));
}

describe('PartitionTenures, of a topic made anew', () => {
  const log = [
    logRecord('a', 0, opens()),
    logRecord('a', 1, under(0, append(1))),
    logRecord('b', 2, opens('other')),
    logRecord('b', 3, under(2, append(1), 'other')),
  ];

  /** The store of a topic whose tenures were replicated up to 90; R was removed since. */
  async function madeAnew() {
    const world = await testReplicator();
    world.store.tenuresKnown.set(place, 90);
    for (const offset of [0, 3, 70]) opened(world.store, offset);
    opened(world.store, 1, 'other');
    return world;
  }

  it('removes what the store has of the earlier one, and copies the marks of this one', async () => {
    const world = await madeAnew();
    await world.member().assign(partition0);
    await world.member().deliver(partition0, log);
    expect([...(world.store.tenures.get(place)?.keys() ?? [])]).to.deep.equal([0, 2]);
    expect(world.store.tenuresKnown.get(place)).to.equal(3);
    expect(world.store.seqNrs('journal:a')).to.deep.equal([1]);
    expect(world.store.seqNrs('journal:b')).to.deep.equal([1]);
    await world.stop();
  });

  it('applies what the tenures of the earlier one would make void, also by the next process', async () => {
    const world = await madeAnew();
    await world.member().assign(partition0);
    await world.member().deliver(partition0, log);
    await world.stop();
    const next = new MemoryReplicatedJournal(world.store);
    const flow = await flowOver(next);
    const records = [logRecord('a', 80, under(0, append(2)))];
    await flow.replicate({ records, nextOffset: Offset.of(81) }, new AbortController().signal);
    expect(next.seqNrs('journal:a')).to.deep.equal([1, 2]);
  });

  it('removes nothing where R is stored, whatever W is', async () => {
    const { store, member, stop } = await testReplicator();
    store.offsets.set(place, 5);
    store.tenuresKnown.set(place, 90);
    for (const offset of [3, 70]) opened(store, offset);
    await member().assign(partition0);
    await member().deliver(partition0, [logRecord('a', 6, under(3, append(1)))]);
    expect([...(store.tenures.get(place)?.keys() ?? [])]).to.deep.equal([3, 70]);
    expect([store.tenuresKnown.get(place), store.offsets.get(place)]).to.deep.equal([6, 6]);
    await stop();
  });

  it('removes nothing when another owner stores the first R while W is read', async () => {
    const { store, member, stop } = await testReplicator();
    store.before = ({ name }) => {
      if (name !== 'tenuresUpTo' || store.offsets.has(place)) return;
      // It has read "no R", and now another one has applied two opening marks.
      for (const offset of [0, 1]) opened(store, offset);
      store.moved(place, 1);
    };
    expect(await member().assign(partition0)).to.equal(2);
    await member().deliver(partition0, [logRecord('a', 2, under(1, append(1)))]);
    expect([...(store.tenures.get(place)?.keys() ?? [])]).to.deep.equal([0, 1]);
    expect(store.seqNrs('journal:a')).to.deep.equal([1]);
    await stop();
  });
});
