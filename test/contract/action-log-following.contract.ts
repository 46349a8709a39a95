import { expect } from 'chai';
import type { Action } from '../../src/model/action.ts';
import { DataIntegrityError, NotSetUpError } from '../../src/model/errors.ts';
import { Offset, Partition, Topic } from '../../src/model/position.ts';
import type { FollowedBatch } from '../../src/ports/action-consumer.ts';
import {
  type ActionLogUnderTest,
  appendOf,
  eventually,
  failureOf,
  keyOf,
  markOf,
} from './action-log.fixture.ts';

const first = Partition.of(0);

/** Following a partition, and counting partitions. */
export function followingContract(log: () => ActionLogUnderTest): void {
  it('gives the actions of all keys from an offset on, those there and those to come, each once', async () => {
    const topic = await log().createTopic('followed', 1);
    const [one, two] = [keyOf(topic), keyOf(topic)];
    const produce = (action: Action) => log().producer.produce(action);
    for (const action of [appendOf(one, 1), appendOf(two, 1), markOf(one)]) await produce(action);
    await using follower = follow(log(), topic, { from: 1 });
    await eventually('what is there', () => follower.next === 3);
    await produce(appendOf(one, 2));
    await eventually('what came', () => follower.next === 4);
    expect(follower.seen).to.deep.equal([
      `1 append ${two.id}`,
      `2 mark ${one.id}`,
      `3 append ${one.id}`,
    ]);
  });

  it('tells of records that are no journal records only that they were passed', async () => {
    const topic = await log().createTopic('follow-foreign', 1);
    await using follower = follow(log(), topic, { from: 0 });
    for (const key of [null, Buffer.from('x')])
      await log().produceForeign(topic, first, { key, value: Buffer.from('x'), headers: {} });
    await eventually('the foreign records', () => follower.next === 2);
    expect(follower.seen).to.deep.equal([]);
  });

  it('names a record that cannot be decoded, and goes on', async () => {
    const topic = await log().createTopic('follow-broken', 1);
    const key = keyOf(topic);
    await using follower = follow(log(), topic, { from: 0 });
    await log().producer.produce(appendOf(key, 1));
    await log().produceForeign(topic, first, {
      key: Buffer.from(key.id),
      value: Buffer.from('{}'),
      headers: { 'journal.action': Buffer.from('this is not JSON') },
    });
    await log().producer.produce(appendOf(key, 2));
    await eventually('all three', () => follower.next === 3);
    expect(follower.seen).to.deep.equal([
      `0 append ${key.id}`,
      `1 undecodable ${key.id}`,
      `2 append ${key.id}`,
    ]);
  });

  it('follows several partitions at once, and lets those who join later join', async () => {
    const topic = await log().createTopic('follow-several', 3);
    const partitions = [0, 1, 2].map((number) => Partition.of(number));
    await using one = follow(log(), topic, { from: 0, partition: Partition.of(0) });
    const keys = Array.from({ length: 30 }, () => keyOf(topic));
    const places = await Promise.all(keys.map((key) => log().producer.produce(appendOf(key, 1))));
    await using two = follow(log(), topic, { from: 0, partition: Partition.of(1) });
    await using three = follow(log(), topic, { from: 0, partition: Partition.of(2) });
    const expected = partitions.map(
      (partition) => places.filter((at) => at.partition === partition).length,
    );
    const counts = (): number[] => [one, two, three].map(({ seen }) => seen.length);
    await eventually('all partitions', () => counts().join() === expected.join());
  });

  it('serves all who follow one partition, wherever they began', async () => {
    const topic = await log().createTopic('follow-shared', 1);
    const key = keyOf(topic);
    for (let i = 1; i <= 3; i++) await log().producer.produce(appendOf(key, i));
    await using all = follow(log(), topic, { from: 0 });
    await using rest = follow(log(), topic, { from: 2 });
    await eventually('what is there', () => all.next === 3 && rest.next === 3);
    await using late = follow(log(), topic, { from: 1 });
    await log().producer.produce(appendOf(key, 4));
    await eventually('what came', () => [all, rest, late].every(({ next }) => next === 4));
    expect([all, rest, late].map(({ seen }) => seen.length)).to.deep.equal([4, 2, 3]);
  });

  it('keeps the order of a backlog of thousands', async () => {
    const topic = await log().createTopic('follow-backlog', 1);
    const key = keyOf(topic);
    await Promise.all(
      Array.from({ length: 3_000 }, (_, i) => log().producer.produce(appendOf(key, i + 1))),
    );
    await using follower = follow(log(), topic, { from: 0 });
    await eventually('the backlog', () => follower.next === 3_000);
    expect(follower.seen.map((line) => Number.parseInt(line, 10))).to.deep.equal(
      Array.from({ length: 3_000 }, (_, offset) => offset),
    );
  });

  it('gives what is wanted, and moves on over what is not wanted any more', async () => {
    const topic = await log().createTopic('follow-wanted', 1);
    const key = keyOf(topic);
    const produce = (from: number) => log().producer.produce(appendOf(key, from));
    for (let i = 1; i <= 6; i++) await produce(i);
    let wantedFrom = 4;
    await using follower = follow(log(), topic, { from: 1, wantedFrom: () => wantedFrom });
    await eventually('what is there', () => follower.next === 6);
    wantedFrom = 8;
    for (let i = 7; i <= 9; i++) await produce(i);
    await eventually('what came', () => follower.next === 9);
    const offsets = follower.seen.map((line) => Number.parseInt(line, 10));
    expect(offsets).to.include.members([4, 5, 8]);
    expect(offsets).to.deep.equal(offsets.toSorted((a, b) => a - b));
  });

  it('ends with the reason of its signal, also while nothing comes', async () => {
    const topic = await log().createTopic('follow-stop', 1);
    const reason = new Error('enough');
    const stop = new AbortController();
    const start = { topic, partition: first, from: Offset.min };
    const next = log()
      .consumer.follow(start, { signal: stop.signal })
      [Symbol.asyncIterator]()
      .next();
    setTimeout(() => stop.abort(reason), 50);
    expect(await failureOf(Promise.resolve(next))).to.equal(reason);
  });

  for (const [what, from] of [
    ['below what the log keeps', 1],
    ['above its end', 9],
  ] as const) {
    it(`fails when it is to begin ${what}: records are missing`, async () => {
      const topic = await log().createTopic('follow-outside', 1);
      const key = keyOf(topic);
      for (let i = 1; i <= 4; i++) await log().producer.produce(appendOf(key, i));
      await log().deleteBefore(topic, first, Offset.of(3));
      const start = { topic, partition: first, from: Offset.of(from) };
      const next = log().consumer.follow(start)[Symbol.asyncIterator]().next();
      expect(await failureOf(Promise.resolve(next))).to.be.instanceOf(DataIntegrityError);
    });
  }

  it('counts the partitions of a topic', async () => {
    const topic = await log().createTopic('counted', 3);
    expect(await log().consumer.partitionCount(topic)).to.equal(3);
  });

  it('does not make up partitions of a topic that does not exist', async () => {
    const count = await log()
      .consumer.partitionCount(Topic.of('nowhere-to-be-found'))
      .catch((error: unknown) => error);
    if (count !== undefined) expect(count).to.be.instanceOf(NotSetUpError);
  });
}

interface Follower extends AsyncDisposable {
  /** Offset, what it is, and key of each record seen. */
  readonly seen: readonly string[];
  readonly next: number;
}

function follow(
  log: ActionLogUnderTest,
  topic: Topic,
  options: {
    readonly from: number;
    readonly partition?: Partition;
    readonly wantedFrom?: () => number;
  },
): Follower {
  const { from, partition = first, wantedFrom = () => from } = options;
  const stop = new AbortController();
  const seen: string[] = [];
  let next = from;
  const take = (batch: FollowedBatch): void => {
    const lines = [
      ...batch.records.map(
        ({ action, at }) => [at.offset, action.header.type, action.key.id] as const,
      ),
      ...batch.undecodable.map(({ id, offset }) => [offset, 'undecodable', id] as const),
    ];
    for (const line of lines.sort(([a], [b]) => a - b)) seen.push(line.join(' '));
    next = batch.next;
  };
  const run = async (): Promise<void> => {
    const wanted = (): Offset => Offset.of(wantedFrom());
    const start = { topic, partition, from: Offset.of(from), wantedFrom: wanted };
    for await (const batch of log.consumer.follow(start, { signal: stop.signal })) take(batch);
  };
  const running = run().catch((error: unknown) => {
    if (!stop.signal.aborted) throw error;
  });
  return {
    seen,
    get next() {
      return next;
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}
