import { expect } from 'chai';
import type { FetchedPartition, FetchPlace } from '../../../src/kafka/driver/wire/fetch.ts';
import { AssignedPartition } from '../../../src/kafka/group/assigned-partition.ts';
import { GroupFetcher } from '../../../src/kafka/group/group-fetcher.ts';
import { LogCluster } from '../../../src/kafka/log-cluster.ts';
import { LogFollower } from '../../../src/kafka/reader/log-follower.ts';
import { Offset, type Partition } from '../../../src/model/position.ts';
import type { PartitionBatch } from '../../../src/ports/topic-consumer.ts';
import { FakeBrokers } from '../../support/kafka/fake-log-cluster.ts';
import { settle } from '../../support/replicator/manual-clock.ts';
import {
  actionOf,
  append,
  partition0,
  partition1,
  topic,
} from '../../support/replicator/records.ts';
import { gate } from '../../support/replicator/test-replicator.ts';

const [former, present] = ['former leader', 'present leader'];

interface Asked {
  readonly node: string;
  readonly places: readonly FetchPlace[];
  readonly answer: (answers: readonly FetchedPartition[]) => void;
}

/**
 * The log of partition 0 has batches of two records. Its leader moves while the answer of the
 * former one is on its way; the leader of partition 1 is asked for both from then on.
 */
describe('A partition whose former leader answers late', () => {
  let cluster: LogCluster;
  /** The connections of the reads, which bring nothing. */
  let reading: LogCluster;
  let fetchPlaces: LogCluster['fetchPlaces'];
  let hasMoved: boolean;
  /** Without an answer. */
  let asked: Asked[];
  const openReal = Object.getOwnPropertyDescriptor(LogCluster, 'open');

  beforeEach(() => {
    const brokers = new FakeBrokers();
    for (let batch = 0; batch < 4; batch++) {
      brokers.add(0, [actionOf('a', append(1)), actionOf('a', append(2))]);
    }
    cluster = brokers.cluster();
    reading = Object.assign(brokers.cluster(), { fetchPlaces: async () => [] });
    fetchPlaces = cluster.fetchPlaces.bind(cluster);
    hasMoved = false;
    asked = [];
    const ask = (node: string, places: readonly FetchPlace[]) =>
      new Promise<readonly FetchedPartition[]>((answer) => {
        const as = places.map(({ partition, offset }) => ({ topic, partition, offset }));
        asked.push({ node, places: as, answer });
      });
    const members: Partial<LogCluster> = {
      leaderOf: (_topic, partition) => (partition === 1 || hasMoved ? present : former),
      fetchPlaces: ask,
      fetch: (node, { partitions }) =>
        ask(
          node,
          partitions.map((place) => ({ ...place, topic })),
        ),
    };
    Object.assign(cluster, members);
    LogCluster.open = async () => cluster;
  });
  afterEach(() => {
    if (openReal !== undefined) Object.defineProperty(LogCluster, 'open', openReal);
  });

  /** The oldest question to the broker about the partition, once it has come. */
  async function question(node: string, partition: Partition): Promise<Asked> {
    for (;;) {
      const found = asked.find(
        ({ node: to, places }) => to === node && places.some((one) => one.partition === partition),
      );
      if (found !== undefined) return found;
      await settle();
    }
  }

  /** Answers a fetch: partition 0 with `batches` record batches, each other partition with one. */
  async function answer(question: Asked, batches: number): Promise<void> {
    asked = asked.filter((other) => other !== question);
    const answers: FetchedPartition[] = [];
    for (const place of question.places) {
      const wanted = Array.from({ length: place.partition === 0 ? batches : 1 }, (_, index) => ({
        ...place,
        offset: place.offset + 2 * index,
      }));
      const pieces: FetchedPartition[] = [];
      for (const one of wanted) pieces.push(...(await fetchPlaces(present, [one], noLimits)));
      const [first] = pieces;
      const records = Buffer.concat(pieces.map((piece) => piece.records));
      if (first !== undefined) answers.push({ ...first, records });
    }
    question.answer(answers);
  }

  /** A group's fetcher of both partitions. */
  function fetching(records: (batch: PartitionBatch) => Promise<void>): GroupFetcher {
    const nothing = async (): Promise<undefined> => undefined;
    const subscriber = { assigned: nothing, records, revoked: nothing, lost: nothing };
    const events = {
      onRoom: () => fetcher.wake(),
      onError: () => {},
      steadyMs: () => 0,
      isOwned: () => true,
    };
    const limits = { offset: 0, topic, sliceRecords: 100, aheadBytes: 1_000_000 };
    const partitions = new Map(
      [partition0, partition1].map((partition) => [
        partition,
        new AssignedPartition({ ...limits, partition }, subscriber, events),
      ]),
    );
    const fetcher = new GroupFetcher(cluster, topic, partitions);
    return fetcher;
  }

  it('is followed without a break', async () => {
    await using follower = new LogFollower(reading);
    const over = new AbortController();
    const followed = follower.follow(
      { topic, partition: partition0, from: Offset.min },
      over.signal,
    );
    const other = follower.follow({ topic, partition: partition1, from: Offset.min }, over.signal);
    const first = followed.next();
    const late = await question(former, partition0);
    hasMoved = true;
    const idle = other.next().catch(() => undefined);
    const prompt = await question(present, partition0);
    await answer(late, 1);
    const offsets = offsetsOf((await first).value?.records);
    await answer(prompt, 3);
    while (offsets.at(-1) !== 7) {
      const taking = followed.next();
      while (asked.length === 0) await settle();
      for (const next of asked) await answer(next, 1);
      offsets.push(...offsetsOf((await taking).value?.records));
    }
    over.abort();
    for (const left of asked) await answer(left, 0);
    await idle;
    expect(offsets).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it('is followed at a leader that led nothing that was followed before', async () => {
    cluster.leaderOf = (_topic, partition) => (partition === 0 && hasMoved ? present : former);
    await using follower = new LogFollower(reading);
    const over = new AbortController();
    const next = ([partition0, partition1] as const).map((partition) =>
      follower
        .follow({ topic, partition, from: Offset.min }, over.signal)
        .next()
        .catch(() => undefined),
    );
    await answer(await question(former, partition0), 0);
    const both = await question(former, partition1);
    hasMoved = true;
    await answer(both, 0);
    for (let turns = 0; turns < 10 && !asked.some(({ node }) => node === present); turns++) {
      await settle();
    }
    const nodes = asked.map(({ node }) => node).sort();
    over.abort();
    for (const left of asked) await answer(left, 0);
    await Promise.all(next);
    expect(nodes).to.deep.equal([former, present]);
  });

  it('is replicated in order, each record once', async () => {
    const offsets: number[] = [];
    const busy = gate();
    const fetcher = fetching(async ({ records }) => {
      offsets.push(...records.map(({ offset }) => offset));
      await busy.opened;
    });
    const running = fetcher.run();
    await answer(await question(former, partition0), 1);
    const late = await question(former, partition0);
    hasMoved = true;
    await answer(await question(present, partition1), 1);
    await answer(await question(present, partition0), 3);
    await answer(late, 1);
    await settle();
    busy.open();
    await settle();
    fetcher.stop();
    for (const left of asked) await answer(left, 0);
    await running;
    expect(offsets).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it('is fetched from a leader that led none of ours before', async () => {
    cluster.leaderOf = (_topic, partition) => (partition === 0 && hasMoved ? present : former);
    const offsets: number[] = [];
    const fetcher = fetching(async ({ records }) => {
      offsets.push(...records.map(({ offset }) => offset));
    });
    const running = fetcher.run();
    const both = await question(former, partition0);
    hasMoved = true;
    await answer(both, 1);
    // The former one still leads partition 1.
    await answer(await question(former, partition1), 1);
    for (let turns = 0; turns < 10 && !asked.some(({ node }) => node === present); turns++) {
      await settle();
      for (const other of asked.filter(({ node }) => node === former)) await answer(other, 1);
    }
    for (const next of asked) await answer(next, 3);
    await settle();
    fetcher.stop();
    await settle();
    for (const left of asked) await answer(left, 0);
    await running;
    expect(offsets).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7]);
  });
});

const noLimits = { maxWaitMs: 0, minBytes: 0, maxBytes: 0, maxPartitionBytes: 0 };

function offsetsOf(records: readonly { readonly at: { readonly offset: number } }[] = []) {
  return records.map(({ at }) => at.offset);
}
