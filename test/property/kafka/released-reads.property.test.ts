import { getEventListeners } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import fc from 'fast-check';
import { LogCluster } from '../../../src/kafka/log-cluster.ts';
import { openKafkaActionConsumer } from '../../../src/kafka/reader/kafka-action-consumer.ts';
import { PartitionReader } from '../../../src/kafka/reader/partition-reader.ts';
import { ReadRequest } from '../../../src/kafka/reader/read-request.ts';
import { ClosedError, JournalError } from '../../../src/model/errors.ts';
import { Key } from '../../../src/model/key.ts';
import { Offset, Partition, Topic } from '../../../src/model/position.ts';
import type { ActionConsumer } from '../../../src/ports/action-consumer.ts';
import { deps, FakeBrokers, settings } from '../../support/kafka/fake-log-cluster.ts';
import { actionOf, append } from '../../support/replicator/records.ts';
import { seed } from '../codec/seed.ts';

const topic = Topic.of('journal');
const ids = ['a', 'b', 'c'] as const;
/** In each of two partitions. */
const records = 60;
/**
 * What a pass over a partition may still fetch when its last read has ended, for two passes each.
 */
const fetchesAhead = 4;
const notLeader = 6;
const topicDenied = 29;

/** A caller: what it reads, and how it ends. */
const caller = fc.record({
  what: fc.constantFrom('read', 'read', 'follow'),
  id: fc.constantFrom(...ids),
  partition: fc.nat({ max: 1 }),
  from: fc.nat({ max: records - 1 }),
  size: fc.integer({ min: 1, max: records }),
  /** Turns before it begins. */
  wait: fc.nat({ max: 8 }),
  leaveAfter: fc.option(fc.nat({ max: 2 }), { nil: undefined }),
  abortAfter: fc.option(fc.nat({ max: 20 }), { nil: undefined }),
});
type Caller = typeof caller extends fc.Arbitrary<infer T> ? T : never;

/** An error code, or none at all. */
type Answer = number | 'lost';

/** What the brokers answer, one after another: mostly records. */
const answers = fc.array(fc.constantFrom<Answer[]>(0, 0, 0, 0, notLeader, 'lost', topicDenied), {
  maxLength: 12,
});

const aborted = new Error('aborted by its caller');

describe(`property: reads of Kafka that end (I18, seed ${seed})`, function () {
  this.timeout(60_000);
  let brokers: FakeBrokers;
  const openReal = Object.getOwnPropertyDescriptor(LogCluster, 'open');

  beforeEach(() => {
    LogCluster.open = async () => brokers.cluster();
  });
  afterEach(() => {
    if (openReal !== undefined) Object.defineProperty(LogCluster, 'open', openReal);
  });

  it('leave no fetch, no listener and no connection, however they end', async () => {
    const ends = new Set<string>();
    const closing = fc.option(fc.nat({ max: 20 }), { nil: undefined });
    const callers = fc.array(caller, { minLength: 1, maxLength: 6 });
    const law = fc.asyncProperty(callers, answers, closing, async (given, answered, closeAfter) => {
      brokers = brokersWith(answered);
      const consumer = await openKafkaActionConsumer(settings, deps);
      const closed = closeAfter === undefined ? undefined : closeLater(consumer, closeAfter);
      for (const end of await Promise.all(given.map((one) => call(consumer, one)))) ends.add(end);
      const { fetches: needed } = brokers;
      await closed;
      for (let left = 50; left > 0 && brokers.asking > 0; left--) await nextTurn();
      expect(brokers.asking, 'fetches under way').to.equal(0);
      const { fetches } = brokers;
      for (let left = 10; left > 0; left--) await nextTurn();
      expect(brokers.fetches, 'nothing is fetched any more').to.equal(fetches);
      expect(fetches - needed, 'fetches for nobody').to.be.at.most(fetchesAhead);
      await consumer[Symbol.asyncDispose]();
      expect(brokers.open, 'connections').to.equal(0);
    });
    await fc.assert(law, { seed, numRuns: 300 });
    expect([...ends].toSorted()).to.deep.equal(['aborted', 'closed', 'done', 'failed', 'left']);
  });

  it('let the reader of their partition go when the last of them has ended', async () => {
    const readers = fc.array(fc.tuple(caller, fc.constantFrom('cancel', 'fail', 'wait')), {
      minLength: 1,
      maxLength: 6,
    });
    const law = fc.asyncProperty(readers, answers, async (given, answered) => {
      brokers = brokersWith(answered);
      let idle = 0;
      const reader = new PartitionReader(brokers.cluster(), topic, 0, () => idle++);
      const requests = given.map(([one]) => new ReadRequest(rangeOf({ ...one, partition: 0 })));
      for (const request of requests) reader.add(request);
      for (const [index, [{ wait }, end]] of given.entries()) {
        for (let left = wait; left > 0; left--) await nextTurn();
        if (end === 'cancel') requests[index]?.cancel();
        if (end === 'fail') requests[index]?.fail(aborted);
      }
      // A fetch ahead that nobody needs any more is let finish.
      const isOver = (): boolean => idle > 0 && brokers.asking === 0;
      for (let left = 200; left > 0 && !isOver(); left--) await nextTurn();
      expect(requests.map(({ isSettled }) => isSettled)).to.not.include(false);
      expect(idle).to.equal(1);
      expect(brokers.asking).to.equal(0);
    });
    await fc.assert(law, { seed, numRuns: 300 });
  });
});

/** Two partitions, in batches of 1, 2 and 3 records. */
function brokersWith(answered: readonly Answer[]): FakeBrokers {
  const made = new FakeBrokers();
  for (const partition of [0, 1]) {
    for (let batch = 0; made.end(partition) < records; batch++) {
      const actions = Array.from({ length: 1 + (batch % 3) }, (_, index) =>
        actionOf(ids[(batch + index) % 3] ?? 'a', append(1)),
      );
      const [first, ...rest] = actions;
      if (first !== undefined) made.add(partition, [first, ...rest]);
    }
  }
  const left = [...answered];
  made.answer = async () => {
    const answer = left.shift() ?? 0;
    if (answer === 'lost') throw new Error('the connection was lost');
    return answer;
  };
  return made;
}

function rangeOf({ id, partition, from, size }: Caller) {
  return {
    key: Key.of(topic, id),
    partition: Partition.of(partition),
    from: Offset.of(from),
    to: Offset.of(Math.min(records, from + size)),
  };
}

async function closeLater(consumer: ActionConsumer, turns: number): Promise<void> {
  for (let left = turns; left > 0; left--) await nextTurn();
  await consumer[Symbol.asyncDispose]();
}

type End = 'done' | 'left' | 'aborted' | 'closed' | 'failed';

async function call(consumer: ActionConsumer, one: Caller): Promise<End> {
  const abort = new AbortController();
  const { signal } = abort;
  for (let left = one.wait; left > 0; left--) await nextTurn();
  const over = new AbortController();
  // A follower never ends by itself.
  const abortAfter = one.abortAfter ?? (one.what === 'follow' ? 40 : undefined);
  const aborting =
    abortAfter === undefined ? undefined : abortLater(abort, abortAfter, over.signal);
  try {
    return await run(consumer, one, signal);
  } catch (error) {
    if (error === aborted) return 'aborted';
    if (error instanceof ClosedError) return 'closed';
    if (error instanceof JournalError) return 'failed';
    throw error;
  } finally {
    expect(getEventListeners(signal, 'abort'), 'listeners').to.have.length(0);
    over.abort();
    await aborting;
  }
}

async function abortLater(abort: AbortController, turns: number, over: AbortSignal): Promise<void> {
  for (let left = turns; left > 0 && !over.aborted; left--) await nextTurn();
  abort.abort(aborted);
}

async function run(
  consumer: ActionConsumer,
  one: Caller,
  signal: AbortSignal,
): Promise<'done' | 'left'> {
  const { key, partition, from, to } = rangeOf(one);
  const source =
    one.what === 'read'
      ? consumer.read({ key, partition, from, to }, { signal })
      : consumer.follow({ topic, partition, from }, { signal });
  let batches = 0;
  for await (const _batch of source) {
    if (batches++ === one.leaveAfter) return 'left';
    await nextTurn();
  }
  return 'done';
}
