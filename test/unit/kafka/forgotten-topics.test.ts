import { expect } from 'chai';
import { fetchErrors } from '../../../src/kafka/driver-errors.ts';
import { AssignedPartition } from '../../../src/kafka/group/assigned-partition.ts';
import { GroupFetcher } from '../../../src/kafka/group/group-fetcher.ts';
import { openKafkaActionConsumer } from '../../../src/kafka/reader/kafka-action-consumer.ts';
import { NotSetUpError } from '../../../src/model/errors.ts';
import { silentLogger } from '../../../src/observability/logger.ts';
import type { PartitionBatch } from '../../../src/ports/topic-consumer.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { FakeKafka } from '../../support/fake-kafka.ts';
import { FakeBrokers } from '../../support/kafka/fake-log-cluster.ts';
import { fakeKafkaSettings } from '../../support/kafka/kafka-settings.ts';
import { actionOf, append, partition0, topic } from '../../support/replicator/records.ts';

const metadata = 3;

describe('A topic that a broker does not know for a moment', () => {
  it('has the partitions that it had, and not 0, which would mean that keys have moved', async () => {
    await using kafka = await FakeKafka.open();
    kafka.partitions = 3;
    const deps = { log: silentLogger, clock: systemClock };
    await using consumer = await openKafkaActionConsumer(fakeKafkaSettings(kafka.address), deps);
    expect(await consumer.partitionCount(topic)).to.equal(3);
    kafka.missing.add(topic);
    let answers = 0;
    kafka.distort = ({ kind }) => {
      if (kind === metadata && ++answers === 4) kafka.missing.delete(topic);
      return undefined;
    };
    expect(await consumer.partitionCount(topic)).to.equal(3);
    expect(answers).to.be.at.least(4);
  });

  it('goes on to be replicated by the same member of the group', async () => {
    const brokers = new FakeBrokers();
    brokers.add(0, [actionOf('a', append(1)), actionOf('a', append(2))]);
    let isKnown = true;
    brokers.answer = async () => {
      if (brokers.fetches > 1) return undefined;
      isKnown = false;
      return fetchErrors.unknownTopic;
    };
    const cluster = brokers.cluster();
    const leaderOf = cluster.leaderOf.bind(cluster);
    Object.assign(cluster, {
      knows: () => isKnown,
      learnTopic: async () => {
        isKnown = true;
      },
      leaderOf: (name: string, partition: number) => {
        if (!isKnown) throw new NotSetUpError(`topic ${name} has no partition ${partition}`);
        return leaderOf(name, partition);
      },
    });
    const offsets: number[] = [];
    const nothing = async (): Promise<undefined> => undefined;
    const records = async (batch: PartitionBatch): Promise<void> => {
      offsets.push(...batch.records.map(({ offset }) => offset));
      if (offsets.length === 2) fetcher.stop();
    };
    const subscriber = { assigned: nothing, records, revoked: nothing, lost: nothing };
    const start = { offset: 0, topic, sliceRecords: 100, aheadBytes: 1_000_000 };
    const events = {
      onRoom: () => fetcher.wake(),
      onError: () => {},
      steadyMs: () => 0,
      isOwned: () => true,
    };
    const assigned = new AssignedPartition({ ...start, partition: partition0 }, subscriber, events);
    const fetcher = new GroupFetcher(cluster, topic, new Map([[0, assigned]]));
    await fetcher.run();
    expect(offsets).to.deep.equal([0, 1]);
  });
});
