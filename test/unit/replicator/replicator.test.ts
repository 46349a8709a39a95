import { expect } from 'chai';
import { LogUnavailableError, StoreUnavailableError } from '../../../src/model/errors.ts';
import { Topic } from '../../../src/model/position.ts';
import { settle } from '../../support/replicator/manual-clock.ts';
import { append, logRecord, partition0, topic } from '../../support/replicator/records.ts';
import { gate, testReplicator } from '../../support/replicator/test-replicator.ts';

const topicsOf = (members: readonly { topic: string }[]) => members.map((member) => member.topic);

describe('startReplicator', () => {
  it('looks for topics at once, and then at the interval set', async () => {
    const { consumers, clock, stop } = await testReplicator();
    expect(consumers.listings).to.equal(1);
    await clock.advance(2_999);
    expect(consumers.listings).to.equal(1);
    await clock.advance(1);
    expect(consumers.listings).to.equal(2);
    await stop();
  });

  it('does nothing but that while it has nothing to do', async () => {
    const { clock, store, stop } = await testReplicator();
    const before = store.calls.length;
    await clock.advance(60_000);
    expect(clock.sleeping).to.equal(1);
    expect(store.calls.length).to.equal(before);
    await stop();
  });

  it('consumes the topics that start with one of the prefixes, each once', async () => {
    const { consumers, clock, stop } = await testReplicator({
      topicPrefixes: ['journal', 'audit-'],
    });
    consumers.names = ['journal', 'journal.b', 'audit-1', 'audit', 'my-journal'].map((name) =>
      Topic.of(name),
    );
    await clock.advance(3_000);
    await clock.advance(3_000);
    expect(topicsOf(consumers.members)).to.have.members(['journal', 'journal.b', 'audit-1']);
    await stop();
  });

  it('warns once while it has no topic, though there are some: prefixes that are wrong lose events', async () => {
    const { consumers, clock, log, stop } = await testReplicator({ topicPrefixes: ['journal'] });
    const look = async (...names: string[]): Promise<number> => {
      consumers.names = names.map((name) => Topic.of(name));
      await clock.advance(3_000);
      return log.lines.filter(({ message }) => message.startsWith('no topic begins')).length;
    };
    expect(await look(), 'an empty broker').to.equal(0);
    expect(await look('payments')).to.equal(1);
    expect(await look('payments', 'orders')).to.equal(1);
    expect(await look('payments', 'journal')).to.equal(1);
    expect(await look('payments'), 'its topic is gone').to.equal(2);
    await stop();
  });

  it('goes on when topics cannot be listed, and looks again soon', async () => {
    const { consumers, clock, log, stop } = await testReplicator();
    consumers.beforeTopics = () => {
      throw new LogUnavailableError('no broker');
    };
    await clock.advance(3_000);
    expect(consumers.listings).to.equal(2);
    consumers.beforeTopics = () => {};
    await clock.advance(100);
    expect(consumers.listings).to.equal(3);
    expect(log.lines.filter(({ level }) => level === 'warn')).to.have.length(1);
    await stop();
  });

  it('opens a member again when its subscription failed, with growing pauses', async () => {
    const { consumers, member, clock, errors, stop } = await testReplicator();
    for (const pause of [100, 200, 400]) {
      const before = consumers.members.length;
      member().fail(new LogUnavailableError('no coordinator'));
      await clock.advance(pause - 2);
      expect(consumers.members).to.have.length(before);
      await clock.advance(2);
      expect(consumers.members).to.have.length(before + 1);
    }
    expect(errors().map(({ fields }) => fields['failures'])).to.deep.equal([1, 2, 3]);
    await stop();
  });

  it('leaves the other topics alone when one fails', async () => {
    const { consumers, member, clock, store, stop } = await testReplicator();
    consumers.names = [topic, Topic.of('journal.bad')];
    consumers.beforeOpen = (name) => {
      if (name === 'journal.bad') throw new LogUnavailableError('no leader');
    };
    await clock.advance(3_000);
    await member().assign(partition0);
    await member().deliver(partition0, [logRecord('a', 0, append(1))]);
    await clock.advance(600_000);
    await member().deliver(partition0, [logRecord('a', 1, append(2))]);
    expect(store.seqNrs('journal:a')).to.deep.equal([1, 2]);
    expect(topicsOf(consumers.members)).to.deep.equal(['journal']);
    await stop();
  });

  it('replaces a member in order: work settled, flow dropped, commit, left, closed, then the next', async () => {
    const { consumers, member, store, clock, stop } = await testReplicator();
    await member().assign(partition0);
    await member().deliver(partition0, [logRecord('a', 0, append(1))]);
    const slow = gate();
    store.before = ({ name }) => (name === 'append' ? slow.opened : undefined);
    const first = member();
    const work = first.deliver(partition0, [
      logRecord('a', 1, append(2)),
      logRecord('b', 2, append(1)),
    ]);
    await settle();
    first.fail(new LogUnavailableError('connection reset'));
    await clock.advance(10_000);
    expect(consumers.members).to.have.length(1);
    slow.open();
    await work;
    await clock.advance(100);
    expect(first.events.slice(0, 2)).to.deep.equal(['joined', 'commit 0:1']);
    expect(first.events.at(-1)).to.equal('closed');
    expect(consumers.members).to.have.length(2);
    expect(await member().assign(partition0)).to.equal(3);
    await stop();
  });

  it('starts again from the stored offset when the store was down at the assignment', async () => {
    const { consumers, member, store, clock, stop } = await testReplicator();
    store.offsets.set('journal/0', 9);
    store.before = () => {
      throw new StoreUnavailableError('no host');
    };
    const refused = member()
      .assign(partition0)
      .catch((error: Error) => {
        member().fail(error);
        return error;
      });
    await clock.advance(10_000);
    expect(await refused).to.be.instanceOf(StoreUnavailableError);
    expect(consumers.members.length).to.be.greaterThan(1);
    store.before = () => {};
    expect(await member().assign(partition0)).to.equal(10);
    await stop();
  });
});

describe('Replicator.stop', () => {
  it('finishes the writes in hand, starts no other, commits, leaves and closes', async () => {
    const { member, replicator, store, clock } = await testReplicator({ maxKeysInFlight: 1 });
    await member().assign(partition0);
    const slow = gate();
    store.before = ({ name, key }) =>
      name === 'append' && key === 'journal:a' ? slow.opened : undefined;
    member().send(partition0, [logRecord('a', 0, append(1)), logRecord('b', 1, append(1))]);
    await settle();
    const stopped = replicator.stop({ deadlineMs: 1_000 });
    await clock.advance(500);
    slow.open();
    await stopped;
    expect(store.writes()).to.deep.equal(['append journal:a@0', 'saveOffset 0@0']);
    expect(member().events).to.deep.equal(['joined', 'commit 0:1', 'left', 'closed']);
    await replicator.finished;
  });

  it('rejects when a write does not settle within the deadline', async () => {
    const { member, replicator, store, clock } = await testReplicator();
    await member().assign(partition0);
    const slow = gate();
    store.before = ({ name }) => (name === 'append' ? slow.opened : undefined);
    member().send(partition0, [logRecord('a', 0, append(1))]);
    await settle();
    const stopped = replicator.stop({ deadlineMs: 1_000 }).then(
      () => 'stopped',
      (error: { code: string }) => error.code,
    );
    await clock.advance(1_000);
    expect(await stopped).to.equal('DEADLINE_EXCEEDED');
    slow.open();
    await replicator.finished;
  });

  it('ends a wait for a store that is down', async () => {
    const { member, stop, store } = await testReplicator();
    await member().assign(partition0);
    store.before = () => {
      throw new StoreUnavailableError('no host');
    };
    member().send(partition0, [logRecord('a', 0, append(1))]);
    await settle();
    await stop();
    expect(member().events).to.deep.equal(['joined', 'left', 'closed']);
  });

  it('closes a member that opens only while it stops', async () => {
    const { consumers, clock, replicator } = await testReplicator();
    const slow = gate();
    consumers.names.push(Topic.of('journal.slow'));
    consumers.beforeOpen = () => slow.opened;
    await clock.advance(3_000);
    const stopped = replicator.stop({ deadlineMs: 1_000 });
    await settle();
    slow.open();
    await stopped;
    expect(consumers.members.map(({ events }) => events.at(-1))).to.deep.equal([
      'closed',
      'closed',
    ]);
  });

  it('may be called again, and leaves no timer behind', async () => {
    const { clock, stop, replicator } = await testReplicator();
    await stop();
    await stop();
    await replicator[Symbol.asyncDispose]();
    expect(clock.sleeping).to.equal(0);
  });

  it('takes no more records once it was told to stop, and lets its member leave', async () => {
    const { member, store, log, replicator } = await testReplicator();
    await member().assign(partition0);
    const late: Promise<unknown>[] = [];
    member().beforeCommit = () => {
      late.push(member().deliver(partition0, [logRecord('b', 1, append(1))]));
    };
    await member().deliver(partition0, [logRecord('a', 0, append(1))]);
    await replicator.stop({ deadlineMs: 1_000 });
    expect(await Promise.all(late)).to.deep.equal([undefined]);
    expect(store.seqNrs('journal:b')).to.deep.equal([]);
    const complaints = log.lines.filter(({ level }) => level === 'warn' || level === 'error');
    expect(complaints).to.deep.equal([]);
  });
});

describe('a listener that throws', () => {
  it('is reported and disturbs nothing', async () => {
    const { member, notified, store, errors, stop } = await testReplicator();
    notified.push = () => {
      throw new Error('listener');
    };
    await member().assign(partition0);
    await member().deliver(partition0, [logRecord('a', 0, append(1))]);
    expect(store.offsets.get('journal/0')).to.equal(0);
    expect(errors()).to.have.length(1);
    await stop();
  });
});
