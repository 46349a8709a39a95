import { expect } from 'chai';
import type { FetchedPartition } from '../../../../src/kafka/driver/wire/fetch.ts';
import { fetchErrors } from '../../../../src/kafka/driver-errors.ts';
import { LogCluster } from '../../../../src/kafka/log-cluster.ts';
import { LogFollower } from '../../../../src/kafka/reader/log-follower.ts';
import type { Action } from '../../../../src/model/action.ts';
import { LogUnavailableError } from '../../../../src/model/errors.ts';
import { Offset, Partition } from '../../../../src/model/position.ts';
import { FakeBrokers } from '../../../support/kafka/fake-log-cluster.ts';
import { settle } from '../../../support/replicator/manual-clock.ts';
import { actionOf, append, partition0, topic } from '../../../support/replicator/records.ts';

describe('Followers of one partition', () => {
  const openReal = Object.getOwnPropertyDescriptor(LogCluster, 'open');

  afterEach(() => {
    if (openReal !== undefined) Object.defineProperty(LogCluster, 'open', openReal);
  });

  it('do not wait until one that is far behind has caught up', async () => {
    const brokers = new FakeBrokers();
    const batch: readonly [Action, Action] = [actionOf('a', append(1)), actionOf('a', append(2))];
    for (let batches = 0; batches < 300; batches++) brokers.add(0, batch);
    const cluster = brokers.cluster();
    LogCluster.open = async () => cluster;
    await using follower = new LogFollower(cluster);
    const end = brokers.end(0);
    const over = new AbortController();
    let behindAt = 0;
    const behind = (async (): Promise<void> => {
      const start = { topic, partition: partition0, from: Offset.min };
      for await (const { next } of follower.follow(start, over.signal)) {
        behindAt = next;
        if (next === end) return;
      }
    })();
    while (behindAt === 0) await settle();
    const start = { topic, partition: partition0, from: Offset.of(end - 2) };
    for await (const { next } of follower.follow(start, over.signal)) {
      expect(next).to.equal(end);
      break;
    }
    expect(behindAt).to.be.below(end / 2);
    await behind;
    over.abort();
  });

  it('have at once what the log holds, though their broker waits for news of other partitions', async () => {
    const brokers = new FakeBrokers();
    const two = Partition.of(2);
    for (const partition of [partition0, two]) brokers.add(partition, [actionOf('a', append(1))]);
    const own = brokers.cluster();
    const news = Promise.withResolvers<readonly FetchedPartition[]>();
    own.fetchPlaces = () => news.promise;
    LogCluster.open = async () => own;
    await using follower = new LogFollower(brokers.cluster());
    const idle = follower.follow({ topic, partition: partition0, from: Offset.of(1) }, undefined);
    const nothing = idle.next();
    await settle();
    const joins = follower.follow({ topic, partition: two, from: Offset.min }, undefined);
    const { value } = await joins.next();
    expect(value?.next).to.equal(1);
    expect(value?.records).to.have.length(1);
    await joins.return();
    news.reject(new LogUnavailableError('the test is over'));
    await nothing.catch(() => {});
  });

  it('may begin again when a broker does not know their topic for a moment', async () => {
    const brokers = new FakeBrokers();
    brokers.answer = async () => fetchErrors.unknownTopic;
    LogCluster.open = async () => brokers.cluster();
    await using follower = new LogFollower(brokers.cluster());
    const start = { topic, partition: partition0, from: Offset.min };
    const following = follower.follow(start, undefined).next();
    const error = await following.catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(LogUnavailableError);
  });
});
