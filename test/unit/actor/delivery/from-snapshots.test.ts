import { expect } from 'chai';
import { Outbox } from '../../../../src/actor/entity/outbox.ts';
import { CodecError } from '../../../../src/model/errors.ts';
import { TestSnapshotStore } from '../snapshots/support.ts';
import { settle } from '../support.ts';
import { openOutbox } from './support.ts';

describe('deliveries in a snapshot', () => {
  it('are sent by the next process, and ids of confirmed ones begin no other', async () => {
    const store = new TestSnapshotStore();
    const options = {
      snapshotStore: async () => store,
      entity: { retention: { snapshotEvery: 3, deleteEvents: true } },
    };
    const world = openOutbox(options);
    await world.ask({ type: 'post', messages: ['a', 'b'], ids: ['1', '2'] });
    await settle();
    await world.attempts[0]?.succeed();
    await world.post('c'); // number 3
    await settle();
    expect(await store.numbers('e')).to.deep.equal([3]);
    await world.post();
    await world.post();
    await world.post(); // number 6: the events before number 3 are deleted
    await settle();
    expect(world.journal.stored('e')[0]?.seqNr).to.equal(4);
    const { journal, time } = world;
    const after = openOutbox({ ...options, journal, time });
    await after.recovered();
    expect(after.shown()).to.deep.equal(['mail#1 b', 'mail#1 c']);
    await after.ask({ type: 'post', messages: ['again'], ids: ['1'] });
    await settle();
    expect(after.attempts).to.have.length(2);
  });

  it('make a format that earlier programs refuse; without them it stays', async () => {
    const store = new TestSnapshotStore();
    const entity = { retention: { snapshotEvery: 1 } };
    const world = openOutbox({ snapshotStore: async () => store, entity });
    await world.post();
    await settle();
    expect((await store.text('e')).formatVersion).to.equal(1);
    await world.post('a');
    await settle();
    expect((await store.text('e')).formatVersion).to.equal(2);
  });

  it('are refused where they are damaged, with the place', () => {
    const open = [{ id: '1', to: 'mail', seqNr: 1 }];
    const refused: readonly (readonly [object, string])[] = [
      [{ open: [{ ...open[0], id: 7 }], confirmed: [] }, 'deliveries.open[0].id'],
      [{ open: [{ ...open[0], seqNr: -1 }], confirmed: [] }, 'deliveries.open[0].seqNr'],
      [{ open, confirmed: [null] }, 'deliveries.confirmed[0]'],
      [{ confirmed: [] }, 'deliveries.open'],
    ];
    for (const [plain, place] of refused) {
      expect(() => Outbox.ofPlain(plain)).to.throw(CodecError, place);
    }
  });
});
