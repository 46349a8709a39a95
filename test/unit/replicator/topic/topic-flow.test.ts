import { expect } from 'chai';
import { ExpireAfter } from '../../../../src/model/expire-after.ts';
import { Offset } from '../../../../src/model/position.ts';
import {
  append,
  deleteTo,
  foreignRecord,
  logRecord,
  mark,
  partition0,
  partition1,
  purge,
} from '../../../support/replicator/records.ts';
import { testReplicator } from '../../../support/replicator/test-replicator.ts';

const offsetOf = (store: { offsets: Map<string, number> }, partition = 0) =>
  store.offsets.get(`journal/${partition}`);

describe('TopicFlow replicates', () => {
  it('appends of several keys and partitions, each key in one write', async () => {
    const { member, store, stop } = await testReplicator();
    for (const partition of [0, 1]) store.offsets.set(`journal/${partition}`, 0);
    await member().assign(partition0);
    await member().assign(partition1);
    await Promise.all([
      member().deliver(partition0, [
        logRecord('a', 1, append(1)),
        logRecord('b', 2, append(1, 3)),
        logRecord('a', 3, append(2, 4)),
      ]),
      member().deliver(partition1, [logRecord('c', 1, append(1)), logRecord('c', 2, append(2))]),
    ]);
    expect(store.seqNrs('journal:a')).to.deep.equal([1, 2, 3, 4]);
    expect(store.seqNrs('journal:b')).to.deep.equal([1, 2, 3]);
    expect(store.seqNrs('journal:c')).to.deep.equal([1, 2]);
    expect(store.journals.get('journal:a')?.pointer?.at.offset).to.equal(3);
    expect(store.writes().filter((write) => write.startsWith('append'))).to.have.members([
      'append journal:a@3',
      'append journal:b@2',
      'append journal:c@2',
    ]);
    expect([offsetOf(store, 0), offsetOf(store, 1)]).to.deep.equal([3, 2]);
    await stop();
  });

  it('appends over many polls', async () => {
    const { member, store, stop } = await testReplicator();
    await member().assign(partition0);
    for (let offset = 0; offset < 10; offset++) {
      await member().deliver(partition0, [logRecord('a', offset, append(offset + 1))]);
      expect(offsetOf(store)).to.equal(offset);
    }
    expect(store.seqNrs('journal:a')).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    await stop();
  });

  it('the expiry of the last append of a poll', async () => {
    const { member, store, stop } = await testReplicator();
    await member().assign(partition0);
    const hour: ExpireAfter = { length: 1n, unit: 'hour' };
    const day: ExpireAfter = { length: 1n, unit: 'day' };
    await member().deliver(partition0, [
      logRecord('a', 0, { type: 'append', from: 1, to: 1, expireAfter: hour }),
      logRecord('a', 1, { type: 'append', from: 2, to: 2, expireAfter: day }),
    ]);
    const { expiry } = store.journals.get('journal:a')?.pointer ?? {};
    expect(ExpireAfter.equals(expiry?.after, day)).to.equal(true);
    await member().deliver(partition0, [logRecord('a', 2, append(3))]);
    expect(store.journals.get('journal:a')?.pointer?.expiry).to.equal(undefined);
    await stop();
  });

  it('nothing for marks, foreign records and records without key, but moves over them', async () => {
    const { member, store, stop } = await testReplicator();
    await member().assign(partition0);
    await member().deliver(partition0, [
      logRecord('a', 0, mark),
      foreignRecord(1),
      foreignRecord(2, 'a'),
      { ...logRecord('a', 3, append(1)), timestampMs: undefined },
      logRecord('a', 4, mark),
    ]);
    expect(store.writes()).to.deep.equal(['saveOffset 0@0', 'saveOffset 0@4']);
    await stop();
  });

  it('over control records at the end of what was fetched', async () => {
    const { member, store, stop } = await testReplicator();
    await member().assign(partition0);
    await member().deliver(partition0, [logRecord('a', 0, append(1))], 3);
    expect(offsetOf(store)).to.equal(2);
    await stop();
  });

  it('appends, deletes and purges of one key in their order', async () => {
    const { member, store, stop } = await testReplicator();
    await member().assign(partition0);
    await member().deliver(partition0, [
      logRecord('a', 0, append(1, 3)),
      logRecord('a', 1, deleteTo(2)),
      logRecord('a', 2, append(4)),
    ]);
    expect(store.seqNrs('journal:a')).to.deep.equal([3, 4]);
    expect(store.writes()).to.deep.equal([
      'append journal:a@0',
      'saveOffset 0@0',
      'delete journal:a@1',
      'append journal:a@2',
      'saveOffset 0@2',
    ]);
    await member().deliver(partition0, [logRecord('a', 3, purge), logRecord('a', 4, append(1))]);
    expect(store.seqNrs('journal:a')).to.deep.equal([1]);
    expect([...(store.journals.get('journal:a')?.events.keys() ?? [])]).to.deep.equal(['1@4']);
    await stop();
  });

  it('from the offset after the replicated one, or from the oldest record', async () => {
    const { member, store, stop } = await testReplicator();
    store.offsets.set('journal/0', 7);
    expect(await member().assign(partition0)).to.equal(8);
    expect(await member().assign(partition1)).to.equal(undefined);
    await stop();
  });

  it('nothing at or below the replicated offset, yet commits the group there', async () => {
    const { member, store, clock, stop } = await testReplicator();
    store.offsets.set('journal/0', 1);
    await member().assign(partition0);
    await member().deliver(partition0, [
      logRecord('a', 0, append(1)),
      logRecord('a', 1, append(2)),
      logRecord('a', 2, append(3)),
    ]);
    expect(store.seqNrs('journal:a')).to.deep.equal([3]);
    await clock.advance(5_000);
    expect(member().events).to.deep.equal(['joined', 'commit 0:3']);
    await stop();
  });

  it('with one time for all writes of a poll', async () => {
    const { member, store, clock, stop } = await testReplicator();
    store.offsets.set('journal/0', 0);
    await member().assign(partition0);
    await clock.advance(1_234);
    await member().deliver(partition0, [
      logRecord('a', 1, append(1)),
      logRecord('b', 2, append(1)),
    ]);
    const times = store.calls.filter(({ nowMs }) => nowMs !== undefined).map(({ nowMs }) => nowMs);
    expect(times).to.deep.equal([clock.nowMs(), clock.nowMs(), clock.nowMs()]);
    await stop();
  });

  it('and tells where it is, after the offset is stored', async () => {
    const { member, notified, store, stop } = await testReplicator();
    store.offsets.set('journal/0', 0);
    await member().assign(partition0);
    store.before = ({ name }) => {
      if (name === 'saveOffset') expect(notified).to.deep.equal([]);
    };
    await member().deliver(partition0, [logRecord('a', 1, append(1)), logRecord('a', 2, mark)]);
    expect(notified).to.deep.equal(['journal 0:2']);
    await stop();
  });

  it('each key once at a time, and no more keys at once than set', async () => {
    const { member, store, stop } = await testReplicator({ maxKeysInFlight: 3 });
    await member().assign(partition0);
    store.before = () => new Promise((resolve) => setImmediate(resolve));
    const records = Array.from({ length: 40 }, (_, at) =>
      logRecord(`key-${at % 20}`, at, append(1 + Math.floor(at / 20))),
    );
    await member().deliver(partition0, records);
    expect(store.maxInFlight).to.equal(3);
    await stop();
  });

  it('a journal with its row loaded once, until it was idle for the time set', async () => {
    const { member, store, clock, stop } = await testReplicator();
    await member().assign(partition0);
    const opens = () => store.calls.filter(({ name }) => name === 'open').length;
    await member().deliver(partition0, [logRecord('a', 0, append(1))]);
    await member().deliver(partition0, [logRecord('a', 1, append(2))]);
    expect(opens()).to.equal(1);
    await clock.advance(60_000);
    await member().deliver(partition0, [logRecord('a', 2, append(3))]);
    expect(opens()).to.equal(2);
    await stop();
  });
});

describe('TopicFlow commits the group', () => {
  it('every five seconds, only where there is progress', async () => {
    const { member, clock, stop } = await testReplicator();
    await member().assign(partition0);
    await member().assign(partition1);
    await member().deliver(partition0, [logRecord('a', 0, append(1))]);
    await clock.advance(4_999);
    expect(member().events).to.deep.equal(['joined']);
    await clock.advance(1);
    expect(member().events).to.deep.equal(['joined', 'commit 0:1']);
    await member().deliver(partition1, [logRecord('b', 0, append(1))]);
    await clock.advance(5_000);
    expect(member().events).to.deep.equal(['joined', 'commit 0:1', 'commit 1:1']);
    await stop();
  });

  it('never, while there is nothing to commit', async () => {
    const { member, clock, stop } = await testReplicator();
    await member().assign(partition0);
    expect(clock.sleeping).to.equal(1);
    await clock.advance(60_000);
    expect(member().events).to.deep.equal(['joined']);
    await stop();
  });

  it('again in the next period when it failed', async () => {
    const { member, clock, log, stop } = await testReplicator();
    await member().assign(partition0);
    await member().deliver(partition0, [logRecord('a', 0, append(1))]);
    member().beforeCommit = () => {
      throw new Error('rebalance in progress');
    };
    await clock.advance(5_000);
    expect(log.lines.filter(({ level }) => level === 'warn')).to.have.length(1);
    member().beforeCommit = () => {};
    await clock.advance(5_000);
    expect(member().events).to.deep.equal(['joined', 'commit 0:1']);
    await stop();
  });

  it('when a partition is revoked, for that partition', async () => {
    const { member, stop } = await testReplicator();
    await member().assign(partition0);
    await member().assign(partition1);
    await member().deliver(partition0, [logRecord('a', 0, append(1))]);
    await member().deliver(partition1, [logRecord('b', 0, append(1))]);
    await member().revoke(partition0);
    expect(member().events).to.deep.equal(['joined', 'commit 0:1']);
    await stop();
  });

  it('never for a partition that was lost, and goes on with the others', async () => {
    const { member, clock, stop } = await testReplicator();
    await member().assign(partition0);
    await member().assign(partition1);
    await member().deliver(partition0, [logRecord('a', 0, append(1))]);
    await member().lose(partition0);
    await member().deliver(partition1, [logRecord('b', 0, append(1))]);
    await clock.advance(5_000);
    await stop();
    expect(member().events).to.deep.equal(['joined', 'commit 1:1', 'left', 'closed']);
  });

  it('before it leaves the group when it stops', async () => {
    const { member, stop } = await testReplicator();
    await member().assign(partition0);
    await member().deliver(partition0, [logRecord('a', 0, append(1))]);
    await stop();
    expect(member().events).to.deep.equal(['joined', 'commit 0:1', 'left', 'closed']);
  });
});

describe('TopicFlow, when a partition comes back', () => {
  it('starts from the offset that another owner stored meanwhile', async () => {
    const { member, store, stop } = await testReplicator();
    await member().assign(partition0);
    await member().deliver(partition0, [logRecord('a', 0, append(1))]);
    await member().revoke(partition0);
    store.moved('journal/0', 5);
    expect(await member().assign(partition0)).to.equal(Offset.of(6));
    await member().deliver(partition0, [
      logRecord('a', 5, append(6)),
      logRecord('a', 6, append(7)),
    ]);
    expect(store.seqNrs('journal:a')).to.deep.equal([1, 7]);
    await stop();
  });
});
