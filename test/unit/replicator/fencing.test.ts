import { expect } from 'chai';
import { StoreUnavailableError } from '../../../src/model/errors.ts';
import { settle } from '../../support/replicator/manual-clock.ts';
import { MemoryReplicatedJournal } from '../../support/replicator/memory-replicated-journal.ts';
import {
  append,
  deleteTo,
  logRecord,
  partition0,
  partition1,
  topic,
} from '../../support/replicator/records.ts';
import { gate, testReplicator } from '../../support/replicator/test-replicator.ts';

describe('PartitionFlow, replaced without knowing it', () => {
  it('writes not one unit more once the membership may be over, although nobody told it', async () => {
    const { member, store, stop } = await testReplicator({ maxKeysInFlight: 1 });
    store.offsets.set('journal/0', 0);
    await member().assign(partition0);
    const frozen = gate();
    store.before = ({ name }) => (name === 'append' ? frozen.opened : undefined);
    member().send(partition0, [
      logRecord('a', 1, append(1, 2)),
      logRecord('a', 2, deleteTo(1)),
      logRecord('b', 3, append(1)),
    ]);
    await settle();
    member().isOwned = false;
    frozen.open();
    await settle();
    expect(store.writes()).to.deep.equal(['append journal:a@1']);
    await stop();
    expect(store.writes()).to.deep.equal(['append journal:a@1']);
    expect(member().events).to.deep.equal(['joined', 'left', 'closed']);
  });

  it('looks whether it was replaced after it has read the wake-up, above whose time it would write', async () => {
    const { member, store, stop } = await testReplicator();
    store.offsets.set('journal/0', 0);
    await member().assign(partition0);
    const frozen = gate();
    let reads = 0;
    store.before = ({ name }) => {
      if (name !== 'loadWakeUp') return undefined;
      reads++;
      return frozen.opened;
    };
    const waiting = { type: 'append', from: 1, to: 1, wake: 50 } as const;
    member().send(partition0, [logRecord('a', 1, waiting)]);
    await settle();
    expect(reads).to.equal(1);
    member().isOwned = false;
    frozen.open();
    await settle();
    await stop();
    expect(store.calls.map(({ name }) => name)).not.to.include('saveWakeUp');
    expect(store.writes()).to.deep.equal([]);
  });

  it('stores no offset either, also not of what it has applied', async () => {
    const { member, store, stop } = await testReplicator({ maxKeysInFlight: 1 });
    store.offsets.set('journal/0', 0);
    await member().assign(partition0);
    const frozen = gate();
    store.before = ({ name }) => (name === 'append' ? frozen.opened : undefined);
    member().send(partition0, [logRecord('a', 1, append(1)), logRecord('b', 2, append(1))]);
    await settle();
    member().isOwned = false;
    frozen.open();
    await settle();
    await member().revoke(partition0);
    await stop();
    expect(store.writes()).to.deep.equal(['append journal:a@1']);
  });

  it('applies nothing of a later batch either', async () => {
    const { member, store, stop } = await testReplicator();
    await member().assign(partition0);
    member().isOwned = false;
    await member().deliver(partition0, [logRecord('a', 0, append(1))]);
    member().isOwned = true;
    await member().deliver(partition0, [logRecord('a', 1, append(2))]);
    expect(store.writes()).to.deep.equal([]);
    expect(store.offsets.size).to.equal(0);
    await stop();
  });

  it('stops trying a store that is down', async () => {
    const { member, store, clock, errors, stop } = await testReplicator();
    await member().assign(partition0);
    store.before = () => {
      throw new StoreUnavailableError('no host');
    };
    member().send(partition0, [logRecord('a', 0, append(1))]);
    await settle();
    member().isOwned = false;
    store.before = () => {};
    await clock.advance(60_000);
    expect(errors()).to.have.length(1);
    expect(store.writes()).to.deep.equal([]);
    await stop();
  });
});

describe('PartitionFlow, when another process moved its offset', () => {
  async function fenced() {
    const parts = await testReplicator();
    const { member, store } = parts;
    await member().assign(partition0);
    await member().assign(partition1);
    await member().deliver(partition0, [logRecord('a', 0, append(1))]);
    await member().deliver(partition1, [logRecord('b', 0, append(1))]);
    store.moved('journal/0', 7);
    const first = member();
    first.send(partition0, [logRecord('a', 1, append(2)), logRecord('a', 2, append(3))]);
    await settle();
    return { ...parts, first };
  }

  it('learns it although the offset stands where it left it: the other one has claimed it', async () => {
    const { member, store, errors, stop } = await testReplicator();
    store.offsets.set('journal/0', 0);
    await member().assign(partition0);
    await new MemoryReplicatedJournal(store).claim(topic, partition0);
    member().send(partition0, [logRecord('a', 1, append(2))]);
    await settle();
    expect(store.offsets.get('journal/0')).to.equal(0);
    expect(errors()[0]?.message).to.match(/another process moved its replicated offset/);
    await stop();
  });

  it('never moves it back, and commits nothing for the partition', async () => {
    const { first, store, clock, stop } = await fenced();
    await clock.advance(10_000);
    expect(store.offsets.get('journal/0')).to.equal(7);
    expect(first.events).to.include('commit 1:1');
    expect(first.events.filter((event) => event.startsWith('commit 0'))).to.deep.equal([]);
    await stop();
  });

  it('says so once, with what it means', async () => {
    const { errors, clock, stop } = await fenced();
    await clock.advance(10_000);
    expect(errors()).to.have.length(1);
    expect(errors()[0]?.message).to.match(/another process moved its replicated offset/);
    expect(errors()[0]?.fields).to.deep.include({ topic: 'journal', partition: 0, replicated: 0 });
    await stop();
  });

  it('joins again, and starts from where the other one is', async () => {
    const { consumers, member, clock, store, stop } = await fenced();
    await clock.advance(200);
    expect(consumers.members).to.have.length(2);
    expect(await member().assign(partition0)).to.equal(8);
    await member().deliver(partition0, [logRecord('a', 8, append(9))]);
    expect(store.offsets.get('journal/0')).to.equal(8);
    await stop();
  });

  it('waits longer each time while two groups fight over the topic', async () => {
    const { consumers, member, clock, store, stop } = await fenced();
    for (let round = 1; round <= 5; round++) {
      await clock.advance(30_000);
      await member().assign(partition0);
      store.moved('journal/0', 7 + round);
      member().send(partition0, [logRecord('a', 100 * round, append(100 * round))]);
      await settle();
    }
    const before = consumers.members.length;
    await clock.advance(3_000);
    expect(consumers.members.length).to.equal(before);
    await stop();
  });
});
