import { expect } from 'chai';
import { DataIntegrityError } from '../../src/model/errors.ts';
import type { Offset, Partition, Topic } from '../../src/model/position.ts';
import type {
  BlockedStretch,
  PartitionBatch,
  TopicConsumer,
  TopicSubscriber,
} from '../../src/ports/topic-consumer.ts';
import {
  type ActionLogUnderTest,
  appendOf,
  eventually,
  failureOf,
  keyOf,
} from './action-log.fixture.ts';

/** What a group member does; part of the action log contract. */
export function topicConsumerContract(log: () => ActionLogUnderTest): void {
  describe('subscribing to a topic', () => {
    describe('delivery', () => delivery(log));
    describe('the end of a subscription', () => ending(log));
    describe('records that the log has lost', () => missing(log));
    describe('two members', () => sharing(log));
  });
}

const first = 0 as Partition;

function delivery(log: () => ActionLogUnderTest): void {
  it('lists the topics there are', async () => {
    const topic = await log().createTopic('listed', 1);
    await produceSome(log(), topic, 1);
    expect(await log().topicConsumers.topics()).to.include(topic);
  });

  it('delivers from the offset that `assigned` wants, in order, what is there and what comes later', async () => {
    const topic = await log().createTopic('wanted', 1);
    await produceSome(log(), topic, 10);
    await using member = await join(log(), topic, { wanted: () => 4 as Offset });
    await eventually('records 4 to 9', () => member.offsets(first).length >= 6);
    await produceSome(log(), topic, 5);
    await eventually('records 10 to 14', () => member.offsets(first).length >= 11);
    expect(member.offsets(first)).to.deep.equal([4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
    expect(member.nextOffset(first)).to.equal(15);
  });

  it('delivers from the oldest record kept when `assigned` wants none', async () => {
    const topic = await log().createTopic('oldest', 1);
    await produceSome(log(), topic, 6);
    await log().deleteBefore(topic, first, 2 as Offset);
    await using member = await join(log(), topic);
    await eventually('records 2 to 5', () => member.offsets(first).length >= 4);
    expect(member.offsets(first)).to.deep.equal([2, 3, 4, 5]);
  });

  it('delivers every record of every partition once, and never two batches of one partition at a time', async () => {
    const topic = await log().createTopic('all', 3);
    const places = await produceSome(log(), topic, 300);
    await using member = await join(log(), topic, { work: () => pause(5) });
    await eventually('300 records', () => member.count() >= 300);
    for (const partition of [0, 1, 2] as Partition[]) {
      const expected = places.filter((at) => at.partition === partition).map((at) => at.offset);
      expect(member.offsets(partition)).to.deep.equal(expected.sort((a, b) => a - b));
    }
    expect(member.mostBatchesOfOnePartition()).to.equal(1);
  });

  it('goes on with a partition while the batch of another is in hand', async () => {
    const topic = await log().createTopic('beside', 2);
    await produceSome(log(), topic, 50);
    const inHand = new Set<Partition>();
    let together = false;
    const work = async (partition: Partition): Promise<void> => {
      inHand.add(partition);
      together ||= inHand.size === 2;
      await eventually('batches of both partitions in hand', () => together);
    };
    await using member = await join(log(), topic, { work });
    await eventually('50 records', () => member.count() >= 50);
  });

  it('gives keys, values, headers and timestamps as they were written', async () => {
    const topic = await log().createTopic('content', 1);
    const action = appendOf(keyOf(topic, 'content'), 1);
    await log().producer.produce(action);
    await using member = await join(log(), topic);
    await eventually('one record', () => member.count() >= 1);
    const record = member.records[0];
    expect(Buffer.from(record?.key ?? []).toString()).to.equal('content');
    expect(Buffer.from(record?.value ?? []).toString()).to.equal('events 1 to 1 of content');
    expect(record?.timestampMs).to.equal(action.timestampMs);
    expect(record?.headers.map(([name]) => name)).to.deep.equal(['journal.action', 'kind']);
  });

  it('tells how many partitions there are, where the log ends, and that the partition is ours', async () => {
    const topic = await log().createTopic('facts', 2);
    await produceSome(log(), topic, 20);
    await using member = await join(log(), topic);
    await eventually('20 records', () => member.count() >= 20);
    expect(member.partitions()).to.equal(2);
    for (const { nextOffset, endOffset, isOwned } of member.batches) {
      expect(endOffset ?? nextOffset).to.be.at.least(nextOffset);
      expect(isOwned?.() ?? true).to.equal(true);
    }
  });

  it('accepts a commit, and resumes where `assigned` says, not where the commit says', async () => {
    const topic = await log().createTopic('commit', 1);
    await produceSome(log(), topic, 8);
    {
      await using member = await join(log(), topic);
      await eventually('8 records', () => member.count() >= 8);
      await member.consumer.commit(first, 8 as Offset);
    }
    await using again = await join(log(), topic, { wanted: () => 5 as Offset });
    await eventually('3 records', () => again.count() >= 3);
    expect(again.offsets(first)).to.deep.equal([5, 6, 7]);
  });
}

function ending(log: () => ActionLogUnderTest): void {
  it('stops on its signal: tells the batch in hand, waits for it, then for `revoked`', async () => {
    const topic = await log().createTopic('stop', 1);
    await produceSome(log(), topic, 3);
    const steps: string[] = [];
    let started = false;
    const work = async (_: Partition, signal: AbortSignal): Promise<void> => {
      if (started) return;
      started = true;
      await eventually('the signal of the batch', () => signal.aborted);
      steps.push('signal');
      await pause(100);
      steps.push('batch');
    };
    const revoked = async (): Promise<void> => {
      await pause(100);
      steps.push('revoked');
    };
    const member = await join(log(), topic, { work, revoked });
    await eventually('a batch in hand', () => started);
    await member[Symbol.asyncDispose]();
    expect(steps).to.deep.equal(['signal', 'batch', 'revoked']);
  });

  it('ends with the error of the subscriber', async () => {
    const topic = await log().createTopic('failing', 1);
    await produceSome(log(), topic, 3);
    const error = new Error('cannot replicate');
    const member = await join(log(), topic, { work: () => Promise.reject(error) });
    expect(await failureOf(member.run)).to.equal(error);
    await member.consumer[Symbol.asyncDispose]();
  });

  it('refuses to start outside what the log keeps when nobody handles that: records are missing', async () => {
    const topic = await log().createTopic('outside', 1);
    await produceSome(log(), topic, 6);
    await log().deleteBefore(topic, first, 3 as Offset);
    for (const wanted of [2, 7] as Offset[]) {
      const member = await join(log(), topic, { wanted: () => wanted });
      expect(await failureOf(member.run), `offset ${wanted}`).to.be.instanceOf(DataIntegrityError);
      await member.consumer[Symbol.asyncDispose]();
    }
  });

  it('delivers nothing after it has stopped', async () => {
    const topic = await log().createTopic('silent', 1);
    await produceSome(log(), topic, 2);
    const member = await join(log(), topic);
    await eventually('2 records', () => member.count() >= 2);
    await member[Symbol.asyncDispose]();
    await produceSome(log(), topic, 2);
    await pause(300);
    expect(member.count()).to.equal(2);
  });
}

function missing(log: () => ActionLogUnderTest): void {
  it('block their partition, which is told where it could go on; the others go on', async () => {
    const topic = await log().createTopic('lost', 2);
    const places = await produceSome(log(), topic, 40);
    await log().deleteBefore(topic, first, 3 as Offset);
    const others = places.filter(({ partition }) => partition !== first).length;
    const stretches: BlockedStretch[] = [];
    const member = await join(log(), topic, {
      wanted: (partition) => (partition === first ? (1 as Offset) : undefined),
      blocked: async (stretch, signal) => {
        stretches.push(stretch);
        await eventually('the end', () => signal.aborted);
      },
    });
    await eventually('the other partition', () => member.count() >= others);
    await produceSome(log(), topic, 40);
    await eventually('more of the other partition', () => member.count() > others);
    expect(member.offsets(first)).to.deep.equal([]);
    expect(stretches).to.have.length(1);
    expect(stretches[0]).to.deep.include({ partition: first, offset: 1, nextOffset: 3 });
    expect(stretches[0]?.error).to.be.instanceOf(DataIntegrityError);
    await member[Symbol.asyncDispose]();
  });

  it('may be passed over: delivery goes on with the oldest record kept', async () => {
    const topic = await log().createTopic('passed', 1);
    await produceSome(log(), topic, 6);
    await log().deleteBefore(topic, first, 3 as Offset);
    await using member = await join(log(), topic, {
      wanted: () => 1 as Offset,
      blocked: async () => {},
    });
    await eventually('records 3 to 5', () => member.count() >= 3);
    expect(member.offsets(first)).to.deep.equal([3, 4, 5]);
  });

  it('beyond the end of the log leave nowhere to go on: the topic was made anew', async () => {
    const topic = await log().createTopic('anew', 1);
    await produceSome(log(), topic, 6);
    const stretches: BlockedStretch[] = [];
    const member = await join(log(), topic, {
      wanted: () => 7 as Offset,
      blocked: async (stretch, signal) => {
        stretches.push(stretch);
        await eventually('the end', () => signal.aborted);
      },
    });
    await eventually('the blockage', () => stretches.length > 0);
    expect(stretches[0]).to.deep.include({ offset: 7, nextOffset: undefined });
    expect(stretches[0]?.error.message).to.match(/log ends at 6/);
    await member[Symbol.asyncDispose]();
    expect(member.count()).to.equal(0);
  });
}

function sharing(log: () => ActionLogUnderTest): void {
  it('never own one partition together, and the second takes over when the first stops', async () => {
    const topic = await log().createTopic('two', 2);
    const owners = new Map<Partition, Set<string>>();
    let overlaps = 0;
    const replicated = new Map<Partition, Offset>();
    const owning = (who: string) => ({
      wanted: (partition: Partition) => {
        const own = owners.get(partition) ?? new Set();
        owners.set(partition, own.add(who));
        if (own.size > 1) overlaps++;
        return replicated.get(partition);
      },
      delivered: (partition: Partition, next: Offset) => void replicated.set(partition, next),
      revoked: async (partition: Partition) => void owners.get(partition)?.delete(who),
    });
    const one = await join(log(), topic, owning('one'));
    await produceSome(log(), topic, 20);
    await eventually('20 records', () => one.count() >= 20);
    await using two = await join(log(), topic, owning('two'));
    await produceSome(log(), topic, 20);
    await eventually('40 records', () => one.count() + two.count() >= 40);
    await one[Symbol.asyncDispose]();
    await produceSome(log(), topic, 20);
    await eventually('60 records', () => one.count() + two.count() >= 60);
    expect(one.count() + two.count()).to.equal(60);
    expect(overlaps).to.equal(0);
  });
}

async function produceSome(log: ActionLogUnderTest, topic: Topic, count: number) {
  return Promise.all(
    Array.from({ length: count }, (_, i) => log.producer.produce(appendOf(keyOf(topic), i + 1))),
  );
}

interface Behaviour {
  readonly wanted?: (partition: Partition) => Offset | undefined;
  readonly work?: (partition: Partition, signal: AbortSignal) => Promise<void>;
  readonly delivered?: (partition: Partition, nextOffset: Offset) => void;
  readonly revoked?: (partition: Partition) => Promise<void>;
  readonly blocked?: (stretch: BlockedStretch, signal: AbortSignal) => Promise<void>;
}

/** A member that runs until it is disposed, and keeps what it was given. */
async function join(log: ActionLogUnderTest, topic: Topic, behaviour: Behaviour = {}) {
  const consumer: TopicConsumer = await log.topicConsumers.open(topic);
  const stop = new AbortController();
  const seen = recorder(behaviour);
  const run = consumer.run(seen.subscriber, { signal: stop.signal });
  const settled = run.catch(() => {});
  return {
    ...seen,
    consumer,
    run,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await settled;
      await consumer[Symbol.asyncDispose]();
      await run;
    },
  };
}

function recorder(behaviour: Behaviour) {
  const records: (Parameters<TopicSubscriber['records']>[0]['records'][number] & {
    partition: Partition;
  })[] = [];
  const batches: PartitionBatch[] = [];
  let partitions = 0;
  const next = new Map<Partition, Offset>();
  const running = new Map<Partition, number>();
  let most = 0;
  const subscriber: TopicSubscriber = {
    ...(behaviour.blocked === undefined ? {} : { blocked: behaviour.blocked }),
    async assigned(partition, topic) {
      partitions = topic.partitions;
      return behaviour.wanted?.(partition);
    },
    async records(batch, signal) {
      const { partition } = batch;
      if (batch.records.length === 0) throw new Error('a batch is never empty');
      const now = (running.get(partition) ?? 0) + 1;
      running.set(partition, now);
      most = Math.max(most, now);
      await behaviour.work?.(partition, signal);
      batches.push(batch);
      records.push(...batch.records.map((record) => ({ ...record, partition })));
      next.set(partition, batch.nextOffset);
      behaviour.delivered?.(partition, batch.nextOffset);
      running.set(partition, now - 1);
    },
    revoked: async (partition) => behaviour.revoked?.(partition),
    lost: async (partition) => behaviour.revoked?.(partition),
  };
  return {
    subscriber,
    records,
    batches,
    partitions: () => partitions,
    count: () => records.length,
    offsets: (partition: Partition) =>
      records.filter((record) => record.partition === partition).map((record) => record.offset),
    nextOffset: (partition: Partition) => next.get(partition),
    mostBatchesOfOnePartition: () => most,
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
