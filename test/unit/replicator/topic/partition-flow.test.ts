import { expect } from 'chai';
import { StoreUnavailableError } from '../../../../src/model/errors.ts';
import { settle } from '../../../support/replicator/manual-clock.ts';
import type { StoreCall } from '../../../support/replicator/memory-replicated-journal.ts';
import {
  append,
  contradictingEvents,
  deleteTo,
  logRecord,
  mark,
  partition0,
  partition1,
  purge,
  unreadableEvents,
  unreadableHeader,
} from '../../../support/replicator/records.ts';
import { gate, testReplicator } from '../../../support/replicator/test-replicator.ts';

/** No other timers while hours pass. */
const calm = { topicDiscoveryIntervalMs: 100_000_000 };

const down = new StoreUnavailableError('no host answers');

function failing(matches: (call: StoreCall) => boolean): (call: StoreCall) => void {
  return (call) => {
    if (matches(call)) throw down;
  };
}

describe('PartitionFlow, when a key fails', () => {
  it('lets the other keys of the partition end', async () => {
    const { member, store, stop } = await testReplicator();
    store.offsets.set('journal/0', 0);
    await member().assign(partition0);
    const slow = gate();
    store.before = async ({ name, key }) => {
      if (name === 'append' && key === 'journal:bad') throw down;
      if (name === 'append' && key === 'journal:good') await slow.opened;
    };
    member().send(partition0, [logRecord('bad', 1, append(1)), logRecord('good', 2, append(1))]);
    await settle();
    slow.open();
    await settle();
    expect(store.writes()).to.deep.equal(['append journal:good@2']);
    await stop();
  });

  it('stores the offset only after all keys, and never past one that failed', async () => {
    const { member, store, clock, stop } = await testReplicator();
    await member().assign(partition0);
    store.before = failing(({ key, name }) => name === 'append' && key === 'journal:b');
    const work = member().deliver(partition0, [
      logRecord('a', 0, append(1)),
      logRecord('b', 1, append(1)),
      logRecord('a', 2, append(2)),
    ]);
    await settle();
    expect(store.offsets.get('journal/0')).to.equal(0);
    store.before = () => {};
    await clock.advance(100);
    await work;
    expect(store.offsets.get('journal/0')).to.equal(2);
    expect(store.writes().at(-1)).to.equal('saveOffset 0@2');
    await stop();
  });

  it('stores the offset before the first of several that failed', async () => {
    const { member, store, errors, stop } = await testReplicator();
    await member().assign(partition0);
    store.before = failing(({ key, name }) => name === 'append' && key !== 'journal:a');
    member().send(partition0, [
      logRecord('a', 0, append(1)),
      logRecord('a', 1, append(2)),
      logRecord('b', 2, append(1)),
      logRecord('a', 3, append(3)),
      logRecord('c', 4, append(1)),
    ]);
    await settle();
    expect(store.offsets.get('journal/0')).to.equal(1);
    expect(errors()[0]?.fields).to.deep.include({ offset: 2, id: 'b', heldKeys: 2 });
    await stop();
  });

  it('opens its journal anew, and repeats only that key', async () => {
    const { member, store, clock, stop } = await testReplicator();
    await member().assign(partition0);
    store.before = failing(({ key, name }) => name === 'append' && key === 'journal:b');
    const work = member().deliver(partition0, [
      logRecord('a', 0, append(1)),
      logRecord('b', 1, append(1)),
    ]);
    await settle();
    store.before = () => {};
    await clock.advance(100);
    await work;
    const opened = store.calls.filter(({ name }) => name === 'open').map(({ key }) => key);
    expect(opened).to.deep.equal(['journal:a', 'journal:b', 'journal:b']);
    await stop();
  });

  it('repeats all its writes in order when one in the middle failed', async () => {
    const { member, store, clock, stop } = await testReplicator();
    store.offsets.set('journal/0', 0);
    await member().assign(partition0);
    store.before = failing(({ name }) => name === 'delete');
    const work = member().deliver(partition0, [
      logRecord('a', 1, append(1, 3)),
      logRecord('a', 2, deleteTo(2)),
      logRecord('a', 3, append(4)),
    ]);
    await settle();
    expect(store.offsets.get('journal/0')).to.equal(0);
    store.before = () => {};
    await clock.advance(100);
    await work;
    expect(store.seqNrs('journal:a')).to.deep.equal([3, 4]);
    await stop();
  });
});

describe('PartitionFlow, when the store is down', () => {
  it('keeps its place and its membership for as long as it takes, and says so at each try', async () => {
    const { member, consumers, store, clock, errors, stop } = await testReplicator(calm);
    await member().assign(partition0);
    store.before = failing(() => true);
    const work = member().deliver(partition0, [logRecord('a', 0, append(1))]);
    await clock.advance(3_600_000);
    const pauses = errors().map(({ fields }) => fields['retryInMs'] as number);
    expect(pauses.slice(0, 10)).to.deep.equal(
      [100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000].map((step) =>
        Math.round(step * 0.9995),
      ),
    );
    expect(Math.max(...pauses)).to.be.at.most(30_000);
    expect(errors()[0]?.fields).to.deep.include({
      topic: 'journal',
      partition: 0,
      offset: 0,
      err: down,
    });
    store.before = () => {};
    await clock.advance(30_000);
    await work;
    expect(store.seqNrs('journal:a')).to.deep.equal([1]);
    expect(consumers.members).to.have.length(1);
    await stop();
  });

  it('lets other partitions go on', async () => {
    const { member, store, stop } = await testReplicator();
    await member().assign(partition0);
    await member().assign(partition1);
    store.before = failing(({ key }) => key === 'journal:a');
    member().send(partition0, [logRecord('a', 0, append(1))]);
    await member().deliver(partition1, [logRecord('b', 0, append(1))]);
    await member().deliver(partition1, [logRecord('b', 1, append(2))]);
    expect(store.offsets.get('journal/1')).to.equal(1);
    await stop();
  });

  it('does not apply again what is applied when only the offset is not stored', async () => {
    const { member, store, clock, stop } = await testReplicator();
    await member().assign(partition0);
    store.before = failing(({ name }) => name === 'saveOffset');
    const work = member().deliver(partition0, [logRecord('a', 0, append(1))]);
    await settle();
    store.before = () => {};
    await clock.advance(100);
    await work;
    expect(store.writes()).to.deep.equal(['append journal:a@0', 'saveOffset 0@0']);
    await stop();
  });

  it('ends its wait when the partition is revoked, without failing the subscription', async () => {
    const { member, consumers, store, stop } = await testReplicator();
    await member().assign(partition0);
    store.before = failing(({ name }) => name === 'append');
    const work = member().deliver(partition0, [logRecord('a', 0, append(1))]);
    await settle();
    await member().revoke(partition0);
    await work;
    expect(member().events).to.deep.equal(['joined']);
    expect(consumers.members).to.have.length(1);
    await stop();
  });

  it('waits a while for the offset of a partition that is assigned', async () => {
    const { member, store, clock, stop } = await testReplicator();
    store.offsets.set('journal/0', 4);
    store.before = failing(({ name }) => name === 'claim');
    const assigned = member().assign(partition0);
    await clock.advance(100);
    store.before = () => {};
    await clock.advance(200);
    expect(await assigned).to.equal(5);
    await stop();
  });
});

for (const [what, unreadable] of [
  ['a header', unreadableHeader],
  ['events', unreadableEvents],
  ['numbers', contradictingEvents],
] as const) {
  describe(`PartitionFlow, when ${what} cannot be decoded`, () => {
    it('applies and stores all before it, holds the partition there and says so', async () => {
      const { member, store, errors, stop } = await testReplicator();
      await member().assign(partition0);
      member().send(partition0, [
        logRecord('a', 0, append(1)),
        logRecord('b', 1, append(1)),
        logRecord('a', 2, append(2)),
        unreadable('b', 3),
        logRecord('b', 4, append(3)),
      ]);
      await settle();
      expect(store.seqNrs('journal:a')).to.deep.equal([1, 2]);
      expect(store.seqNrs('journal:b')).to.deep.equal([1]);
      expect(store.offsets.get('journal/0')).to.equal(2);
      expect(errors()).to.have.length(1);
      const { fields } = errors()[0]!;
      expect(fields).to.deep.include({ topic: 'journal', partition: 0, offset: 3 });
      expect((fields['err'] as Error).message).to.match(/topic journal, partition 0, offset 3/);
      await stop();
    });

    it('says so once for each pause, with growing pauses, for ever', async () => {
      const { member, clock, errors, store, stop } = await testReplicator(calm);
      await member().assign(partition0);
      member().send(partition0, [logRecord('a', 0, append(1)), unreadable('a', 1)]);
      await clock.advance(99);
      expect(errors()).to.have.length(1);
      await clock.advance(201);
      expect(errors()).to.have.length(3);
      await clock.advance(3_600_000);
      expect(errors().length).to.be.within(120, 140);
      expect(store.offsets.get('journal/0')).to.equal(0);
      expect(store.writes()).to.deep.equal(['append journal:a@0', 'saveOffset 0@0']);
      await stop();
    });

    it('lets other partitions go on', async () => {
      const { member, store, stop } = await testReplicator();
      await member().assign(partition0);
      await member().assign(partition1);
      member().send(partition0, [unreadable('a', 0)]);
      await member().deliver(partition1, [logRecord('b', 0, append(1))]);
      expect(store.offsets.get('journal/1')).to.equal(0);
      expect(store.offsets.has('journal/0')).to.equal(false);
      await stop();
    });

    it('stops within its deadline, and starts there again', async () => {
      const { member, stop } = await testReplicator();
      await member().assign(partition0);
      member().send(partition0, [logRecord('a', 0, mark), unreadable('a', 1)]);
      await settle();
      await stop();
      expect(member().events).to.deep.equal(['joined', 'commit 0:1', 'left', 'closed']);
    });
  });
}

describe('PartitionFlow, when events cannot be decoded that nobody needs', () => {
  it('goes on, since a purge or a delete of the same poll removes them', async () => {
    const { member, store, errors, stop } = await testReplicator();
    store.offsets.set('journal/0', 0);
    await member().assign(partition0);
    await member().deliver(partition0, [
      unreadableEvents('a', 1),
      logRecord('a', 2, purge),
      unreadableEvents('b', 3),
      logRecord('b', 4, append(2)),
      logRecord('b', 5, deleteTo(1)),
      logRecord('b', 6, deleteTo(2)),
    ]);
    expect(errors()).to.deep.equal([]);
    expect(store.offsets.get('journal/0')).to.equal(6);
    await stop();
  });
});

describe('PartitionFlow, when the partition goes away during a batch', () => {
  async function inHand() {
    const parts = await testReplicator();
    const { member, store } = parts;
    store.offsets.set('journal/0', 0);
    await member().assign(partition0);
    const slow = gate();
    store.before = async ({ name, key }) => {
      if (name === 'append' && key === 'journal:a') await slow.opened;
    };
    const work = member().deliver(partition0, [
      logRecord('a', 1, append(1, 2)),
      logRecord('a', 2, deleteTo(1)),
    ]);
    await settle();
    return { ...parts, slow, work };
  }

  it('finishes the write in hand, starts no other, and only then gives it up', async () => {
    const { member, store, slow, work, stop } = await inHand();
    let isRevoked = false;
    const revoked = member()
      .revoke(partition0)
      .then(() => (isRevoked = true));
    await settle();
    expect(isRevoked).to.equal(false);
    slow.open();
    await Promise.all([revoked, work]);
    expect(store.writes()).to.deep.equal(['append journal:a@1', 'saveOffset 0@0']);
    expect(store.offsets.get('journal/0')).to.equal(0);
    await stop();
  });

  it('is not given up while a write is in hand, also when nobody ended the batch before', async () => {
    const { member, store, slow, work, stop } = await inHand();
    let isRevoked = false;
    const revoked = member()
      .subscriber.revoked(partition0)
      .then(() => (isRevoked = true));
    await settle();
    expect(isRevoked).to.equal(false);
    expect(store.writes()).to.deep.equal([]);
    slow.open();
    await Promise.all([revoked, work]);
    expect(store.writes()).to.deep.equal(['append journal:a@1', 'saveOffset 0@0']);
    await stop();
  });

  for (const how of ['after the batch has settled', 'while the batch is in hand'] as const) {
    it(`stores no offset of a partition that was lost, told ${how}`, async () => {
      const { member, store, stop } = await testReplicator({ maxKeysInFlight: 1 });
      store.offsets.set('journal/0', 0);
      await member().assign(partition0);
      const slow = gate();
      store.before = ({ key, name }) =>
        name === 'append' && key === 'journal:a' ? slow.opened : undefined;
      member().send(partition0, [logRecord('a', 1, append(1)), logRecord('b', 2, append(1))]);
      await settle();
      const isTold = how === 'after the batch has settled';
      const lost = isTold ? member().lose(partition0) : member().subscriber.lost(partition0);
      await settle();
      slow.open();
      await lost;
      await stop();
      expect(store.writes()).to.deep.equal(['append journal:a@1']);
      expect(member().events).to.deep.equal(['joined', 'left', 'closed']);
    });
  }

  it('is given up although writes of another partition hang and fill the bound', async () => {
    const { member, store, stop } = await testReplicator({ maxKeysInFlight: 1 });
    for (const partition of [0, 1]) store.offsets.set(`journal/${partition}`, 0);
    await member().assign(partition0);
    await member().assign(partition1);
    const [hanging, slow] = [gate(), gate()];
    store.before = async ({ name, key }) => {
      if (name === 'append' && key === 'journal:hangs') await hanging.opened;
      if (name === 'append' && key === 'journal:a') await slow.opened;
    };
    const stuck = member().deliver(partition0, [logRecord('hangs', 1, append(1))]);
    const work = member().deliver(
      partition1,
      ['a', 'b', 'c'].map((id, index) => logRecord(id, index + 1, append(1))),
    );
    await settle();
    const revoked = member().revoke(partition1);
    slow.open();
    await Promise.all([revoked, work]);
    expect(store.writes()).to.deep.equal(['append journal:a@1', 'saveOffset 1@1']);
    hanging.open();
    await stuck;
    await stop();
  });

  it('stores the offset of all that was applied when it is revoked', async () => {
    const { member, store, stop } = await testReplicator({ maxKeysInFlight: 1 });
    store.offsets.set('journal/0', 0);
    await member().assign(partition0);
    const slow = gate();
    store.before = async ({ name, key }) => {
      if (name === 'append' && key === 'journal:a') await slow.opened;
    };
    const work = member().deliver(partition0, [
      logRecord('a', 1, append(1)),
      logRecord('b', 2, append(1)),
    ]);
    await settle();
    const revoked = member().revoke(partition0);
    slow.open();
    await Promise.all([revoked, work]);
    expect(store.writes()).to.deep.equal(['append journal:a@1', 'saveOffset 0@1']);
    const opened = store.calls.filter(({ name }) => name === 'open').map(({ key }) => key);
    expect(opened).to.deep.equal(['journal:a']);
    expect(member().events).to.deep.equal(['joined', 'commit 0:2']);
    await stop();
  });
});

describe('PartitionFlow, far behind', () => {
  it('begins a partition with one record, of which two owners would both store the same', async () => {
    const { member, store, stop } = await testReplicator();
    await member().assign(partition0);
    await member().deliver(
      partition0,
      [3, 4, 5].map((at) => logRecord('a', at, append(at))),
    );
    await member().deliver(
      partition0,
      [6, 7].map((at) => logRecord('a', at, append(at))),
    );
    expect(store.writes()).to.deep.equal([
      'append journal:a@3',
      'saveOffset 0@3',
      'append journal:a@5',
      'saveOffset 0@5',
      'append journal:a@7',
      'saveOffset 0@7',
    ]);
    await stop();
  });

  it('stores the offset every ten thousand records', async () => {
    const { member, store, stop } = await testReplicator();
    await member().assign(partition0);
    const records = Array.from({ length: 25_000 }, (_, at) => logRecord('a', at, mark));
    await member().deliver(partition0, records, 25_002);
    expect(store.writes()).to.deep.equal([
      'saveOffset 0@0',
      'saveOffset 0@10000',
      'saveOffset 0@20000',
      'saveOffset 0@25001',
    ]);
    await stop();
  });
});
