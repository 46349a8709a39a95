import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import fc from 'fast-check';
import { openKafkaActionProducer } from '../../../src/kafka/producer/kafka-action-producer.ts';
import { WriteFailedError, WriteRejectedError } from '../../../src/model/errors.ts';
import { type PartitionOffset, Topic } from '../../../src/model/position.ts';
import { silentLogger } from '../../../src/observability/logger.ts';
import type { ActionProducer } from '../../../src/ports/action-producer.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { appendOf, keyOf } from '../../contract/action-log.fixture.ts';
import { FakeKafka } from '../../support/fake-kafka.ts';
import { fakeKafkaSettings } from '../../support/kafka/kafka-settings.ts';
import { seed } from '../codec/seed.ts';

const topics = [Topic.of('t'), Topic.of('u')] as const;
const produceKind = 0;
const invalidRecord = 87;
const limitBytes = 3_000;
const runs = 60;

/** One call. A culprit is refused, alone or with whatever goes out with it. */
const call = fc.record({
  topic: fc.nat({ max: 1 }),
  id: fc.nat({ max: 7 }),
  bytes: fc.constantFrom(10, 10, 10, 700),
  culprit: fc.oneof(
    { weight: 9, arbitrary: fc.constant(undefined) },
    fc.constantFrom('large', 'invalid'),
  ),
  /** Waits for the next turn of the event loop first: it may come while a send is under way. */
  later: fc.boolean(),
});
type Call = typeof call extends fc.Arbitrary<infer T> ? T : never;

const history = fc.record({
  partitions: fc.integer({ min: 1, max: 4 }),
  calls: fc.array(call, { minLength: 1, maxLength: 60 }),
  /** Which of the produce requests are carried out without an answer. */
  lost: fc.array(fc.nat({ max: 12 }), { maxLength: 2 }),
});
type History = typeof history extends fc.Arbitrary<infer T> ? T : never;

interface Outcome {
  readonly call: Call;
  readonly index: number;
  readonly result: PartitionOffset | Error;
}

const textOf = ({ bytes, culprit }: Call, index: number): string =>
  `${index}:${culprit}:`.padEnd(culprit === 'large' ? limitBytes : bytes, '.');

describe(`property: batches with records that a broker refuses (seed ${seed})`, function () {
  this.timeout(120_000);

  it('answer each record with the truth, store it once and in order, and are halved few times', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (given) => {
        await using fake = await FakeKafka.open();
        fake.partitions = given.partitions;
        await using producer = await openKafkaActionProducer(fakeKafkaSettings(fake.address), {
          log: silentLogger,
          clock: systemClock,
        });
        for (const topic of topics) await producer.produce(appendOf(keyOf(topic, 'first'), 1));
        fake.log.batches.length = 0;
        fake.log.maxMessageBytes = limitBytes;
        fake.log.refuse = ({ records }) =>
          records.some(({ value }) => value?.includes(':invalid:')) ? invalidRecord : undefined;
        let requests = 0;
        fake.isLost = (kind) => kind === produceKind && given.lost.includes(requests++);
        const outcomes = await outcomesOf(producer, given);
        for (const outcome of outcomes) expectTruth(fake, outcome);
        expectOrder(fake, outcomes);
        if (given.lost.length === 0) expectCertainty(outcomes);
        expectFewSends(fake, given);
      }),
      { numRuns: runs, seed },
    );
  });
});

async function outcomesOf(producer: ActionProducer, { calls }: History): Promise<Outcome[]> {
  const outcomes: Promise<Outcome>[] = [];
  for (const [index, each] of calls.entries()) {
    if (each.later) await nextTurn();
    const key = keyOf(topics[each.topic] as Topic, `id-${each.id}`);
    const action = { ...appendOf(key, index + 1), value: Buffer.from(textOf(each, index)) };
    const result = producer.produce(action as never).catch((error: Error) => error);
    outcomes.push(result.then((settled) => ({ call: each, index, result: settled })));
  }
  return Promise.all(outcomes);
}

/** Where a record of this call lies: `topic:partition:offset`. */
function placesOf(fake: FakeKafka, { call: each, index }: Outcome): string[] {
  const places: string[] = [];
  for (let partition = 0; partition < fake.partitions; partition++) {
    const topic = topics[each.topic] as Topic;
    for (const [offset, { value }] of fake.log.of(topic, partition).entries()) {
      if (value === textOf(each, index)) places.push(`${partition}:${offset}`);
    }
  }
  return places;
}

function expectTruth(fake: FakeKafka, outcome: Outcome): void {
  const places = placesOf(fake, outcome);
  const { result } = outcome;
  if (result instanceof WriteFailedError) expect(places.length).to.be.at.most(1);
  else if (result instanceof WriteRejectedError) expect(places).to.deep.equal([]);
  else if (result instanceof Error) throw result;
  else expect(places).to.deep.equal([`${result.partition}:${result.offset}`]);
}

/** The records of a partition lie in the order of their calls, and no journal has a hole. */
function expectOrder(fake: FakeKafka, outcomes: readonly Outcome[]): void {
  for (const topic of topics) {
    for (let partition = 0; partition < fake.partitions; partition++) {
      const stored = fake.log.of(topic, partition).map(({ value }) => value ?? '');
      const indexes = stored
        .slice(stored[0]?.startsWith('events') ? 1 : 0)
        .map((text) => Number.parseInt(text, 10));
      expect(indexes).to.deep.equal([...indexes].sort((a, b) => a - b));
    }
  }
  for (const { call: each, index, result } of outcomes) {
    if (!(result instanceof Error) || each.later) continue;
    const next = outcomes.slice(index + 1).find(({ call: later }) => later.later)?.index;
    for (const { call: after, result: its } of outcomes.slice(index + 1, next)) {
      if (after.topic === each.topic && after.id === each.id) expect(its).to.be.instanceOf(Error);
    }
  }
}

/** Nothing was lost on the way: only culprits and what follows them in their journal is refused. */
function expectCertainty(outcomes: readonly Outcome[]): void {
  const spoilt = new Set<string>();
  for (const { call: each, result } of outcomes) {
    const journal = `${each.topic}:${each.id}`;
    if (each.culprit !== undefined) spoilt.add(journal);
    if (result instanceof Error) expect(result).to.be.instanceOf(WriteRejectedError);
    if (each.culprit !== undefined) expect(result).to.be.instanceOf(WriteRejectedError);
    else if (!spoilt.has(journal)) expect(result).to.not.be.instanceOf(Error);
  }
}

/** Halves of halves: one culprit among n is alone after log2 n splits. */
function expectFewSends(fake: FakeKafka, { calls, lost }: History): void {
  const splits = Math.ceil(Math.log2(calls.length)) + 1;
  const culprits = calls.filter(({ culprit }) => culprit === 'invalid').length;
  const refused = fake.log.batches.filter(({ records }) =>
    records.some(({ value }) => value?.includes(':invalid:')),
  );
  expect(refused.length).to.be.at.most(culprits * splits + lost.length * fake.partitions);
}
