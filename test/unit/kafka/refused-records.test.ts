import { setImmediate } from 'node:timers/promises';
import { expect } from 'chai';
import type { KafkaSettings } from '../../../src/config/settings/kafka-settings.ts';
import { openKafkaActionProducer } from '../../../src/kafka/producer/kafka-action-producer.ts';
import {
  AccessDeniedError,
  NotSetUpError,
  WriteFailedError,
  WriteRejectedError,
} from '../../../src/model/errors.ts';
import { type PartitionOffset, Topic } from '../../../src/model/position.ts';
import { silentLogger } from '../../../src/observability/logger.ts';
import type { ActionProducer } from '../../../src/ports/action-producer.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { appendOf, keyOf, markOf } from '../../contract/action-log.fixture.ts';
import { FakeKafka } from '../../support/fake-kafka.ts';
import type { IncomingBatch } from '../../support/kafka/fake-log.ts';
import { fakeKafkaSettings } from '../../support/kafka/kafka-settings.ts';

const topic = Topic.of('t');
const other = Topic.of('u');
const produceKind = 0;
const [messageTooLarge, recordListTooLarge, denied, notEnoughReplicas] = [10, 18, 29, 19];
const [notLeader, invalidTimestamp, outOfOrder, invalidRecord] = [6, 32, 45, 87];

/** Two attempts at one batch are told apart by nothing else. */
const numbersOf = ({ firstSequence, records }: IncomingBatch) => [firstSequence, records.length];

describe('a record that a broker refuses', function () {
  this.timeout(20_000);
  let fake: FakeKafka;
  let producer: ActionProducer;

  const opened = async (changes: Partial<KafkaSettings['producer']> = {}): Promise<void> => {
    producer = await openKafkaActionProducer(fakeKafkaSettings(fake.address, changes), {
      log: silentLogger,
      clock: systemClock,
    });
    for (const each of [topic, other]) await producer.produce(appendOf(keyOf(each, 'first'), 1));
    fake.log.batches.length = 0;
  };
  beforeEach(async () => {
    fake = await FakeKafka.open();
  });
  afterEach(async () => {
    await producer[Symbol.asyncDispose]();
    await fake[Symbol.asyncDispose]();
  });

  const write = (id: string, seqNr = 1, of = topic): Promise<PartitionOffset> =>
    producer.produce(appendOf(keyOf(of, id), seqNr));
  const large = (id: string, bytes = 5_000): Promise<PartitionOffset> => {
    const action = { ...appendOf(keyOf(topic, id), 1), value: Buffer.alloc(bytes, 'x') };
    return producer.produce(action as never);
  };
  const many = (from: number, to: number): Promise<PartitionOffset>[] =>
    Array.from({ length: to - from }, (_, i) => write(`id-${from + i}`));
  const settled = (calls: readonly Promise<unknown>[]): Promise<unknown[]> =>
    Promise.all(calls.map((call) => call.catch((error: unknown) => error)));
  const rejections = (results: readonly unknown[]): unknown[] =>
    results.filter((result) => result instanceof Error);
  const refuseRecordsOf = (id: string, code: number): void => {
    fake.log.refuse = ({ records }) => (records.some(({ key }) => key === id) ? code : undefined);
  };

  for (const partitions of [1, 6]) {
    it(`alone is refused, of 21 that went out together to ${partitions} partition(s)`, async () => {
      fake.partitions = partitions;
      await opened();
      fake.log.maxMessageBytes = 4_000;
      const results = await settled([...many(0, 10), large('culprit'), ...many(10, 20)]);
      const [error, ...others] = rejections(results) as Error[];
      expect(others).to.deep.equal([]);
      expect(error).to.be.instanceOf(WriteRejectedError);
      expect(results[10]).to.equal(error);
      const stored = Array.from({ length: partitions }, (_, i) => fake.log.of('t', i)).flat();
      expect(stored.map(({ key }) => key).sort()).to.deep.equal(
        ['first', ...Array.from({ length: 20 }, (_, i) => `id-${i}`)].sort(),
      );
    });
  }

  it('is not even sent when it is larger than a request: the others are stored', async () => {
    await opened({ maxRequestSizeBytes: 10_000 });
    const results = await settled([...many(0, 3), large('culprit', 20_000), ...many(3, 6)]);
    expect(rejections(results)).to.deep.equal([results[3]]);
    expect(results[3]).to.be.instanceOf(WriteRejectedError);
    expect((results[3] as Error).message)
      .to.include('t:culprit')
      .and.match(/20\d\d\d bytes, more than 10000/)
      .and.include('max-request-size');
  });

  it('is named with its size, place and limit, and with what to do', async () => {
    await opened();
    fake.log.maxMessageBytes = 4_000;
    const [error] = await settled([large('culprit'), ...many(0, 3)]);
    expect((error as Error).message)
      .to.include('t:culprit')
      .and.include('partition 0')
      .and.match(/5\d\d\d bytes/)
      .and.include('max.message.bytes')
      .and.include('max-request-size')
      .and.include('MESSAGE_TOO_LARGE')
      .and.include('nothing of it is stored');
  });

  it('is found with as many splits as the logarithm of the batch says, one send at a time', async () => {
    await opened();
    refuseRecordsOf('id-37', messageTooLarge);
    const results = await settled(many(0, 64));
    expect(rejections(results)).to.have.length(1);
    const refused = fake.log.batches.filter(({ records }) =>
      records.some((r) => r.key === 'id-37'),
    );
    expect(refused.map(({ records }) => records.length)).to.deep.equal([64, 32, 16, 8, 4, 2, 1]);
    expect(fake.log.of('t', 0).map(({ key }) => key)).to.deep.equal([
      'first',
      ...Array.from({ length: 64 }, (_, i) => `id-${i}`).filter((id) => id !== 'id-37'),
    ]);
  });

  for (const [name, code] of Object.entries({
    recordListTooLarge,
    invalidRecord,
    invalidTimestamp,
  })) {
    it(`alone is refused when the broker says ${name} of the batch`, async () => {
      await opened();
      refuseRecordsOf('id-3', code);
      const results = await settled(many(0, 9));
      expect(rejections(results)).to.have.length(1);
      expect(results[3]).to.be.instanceOf(WriteRejectedError);
    });
  }

  it('uses up no sequence number: what is written next has those that it would have had', async () => {
    await opened();
    refuseRecordsOf('id-1', messageTooLarge);
    await settled(many(0, 4));
    await write('next');
    const accepted = fake.log.batches.filter(({ records }) =>
      records.every((r) => r.key !== 'id-1'),
    );
    expect(accepted.map(numbersOf)).to.deep.equal([
      [1, 1],
      [2, 2],
      [4, 1],
    ]);
  });

  it('takes the later events of its journal with it, those that wait for the next send too: no hole', async () => {
    await opened();
    fake.log.maxMessageBytes = 4_000;
    const batch = [write('a', 1), large('b'), write('b', 2), write('a', 2)];
    await setImmediate(); // the batch is on its way, and no answer can have come
    const waiting = [write('b', 3), write('a', 3), producer.produce(markOf(keyOf(topic, 'b')))];
    const results = await settled([...batch, ...waiting]);
    expect(results.map((result) => result instanceof WriteRejectedError)).to.deep.equal([
      false,
      true,
      true,
      false,
      true,
      false,
      false,
    ]);
    expect((results[2] as Error).message)
      .to.include('t:b')
      .and.include('is not stored');
    expect((results[2] as Error).cause).to.equal(results[1]);
  });

  it('does not concern other partitions: each answers for its own records', async () => {
    fake.partitions = 6;
    await opened();
    fake.log.refuse = ({ partition }) => (partition === 2 ? denied : undefined);
    const results = await settled(many(0, 30));
    const failures = rejections(results);
    expect(failures).to.not.have.length(0).and.not.have.length(30);
    for (const failure of failures) expect(failure).to.be.instanceOf(AccessDeniedError);
    const stored = [0, 1, 3, 4, 5].flatMap((i) => fake.log.of('t', i)).length;
    expect(stored + failures.length).to.equal(30 + (fake.log.of('t', 2).length === 0 ? 1 : 0));
  });

  it('is not sought when a topic is denied: all its records are refused at once, no other topic', async () => {
    await opened();
    fake.log.refuse = (batch) => (batch.topic === 'u' ? denied : undefined);
    const calls = [write('a'), write('b', 1, other), write('c'), write('d', 1, other)];
    const results = await settled(calls);
    expect(results.map((result) => result instanceof AccessDeniedError)).to.deep.equal([
      false,
      true,
      false,
      true,
    ]);
    expect(fake.log.batches).to.have.length(2);
  });

  it('fails the records of its topic only when the topic is gone', async () => {
    await opened();
    fake.missing.add('u');
    fake.log.refuse = (batch) => (batch.topic === 'u' ? 3 : undefined);
    const results = await settled([write('a'), write('b', 1, other), write('c')]);
    expect(results[1]).to.satisfy(
      (error: unknown) => error instanceof WriteFailedError || error instanceof NotSetUpError,
    );
    expect(rejections([results[0], results[2]])).to.deep.equal([]);
    expect(await write('d', 1, other).catch((e: unknown) => e)).to.be.instanceOf(NotSetUpError);
    expect(fake.log.of('t', 0)).to.have.length(3);
  });

  it('is perhaps stored when the answer before the refusal was lost: the call says so', async () => {
    await opened();
    refuseRecordsOf('id-0', messageTooLarge);
    let lost = 1;
    fake.isLost = (kind) => kind === produceKind && lost-- > 0;
    const [result] = await settled(many(0, 1));
    expect(result).to.be.instanceOf(WriteFailedError);
  });

  it('is certainly not stored once the broker has taken a part: it had not stored the whole', async () => {
    await opened();
    refuseRecordsOf('id-1', messageTooLarge);
    let lost = 1;
    fake.isLost = (kind) => kind === produceKind && lost-- > 0;
    const results = await settled(many(0, 4));
    expect(rejections(results)).to.have.length(1);
    expect(results[1]).to.be.instanceOf(WriteRejectedError);
    expect(fake.log.of('t', 0)).to.have.length(4);
  });

  it('holds up nobody for long when its partition fails for a passing reason: others are answered', async () => {
    fake.partitions = 6;
    await opened({ deliveryTimeoutMs: 1_500 });
    fake.log.refuse = ({ partition }) => (partition === 2 ? notEnoughReplicas : undefined);
    const results = await settled(many(0, 30));
    const failures = rejections(results) as Error[];
    expect(failures).to.not.have.length(0).and.not.have.length(30);
    for (const failure of failures) expect(failure).to.be.instanceOf(WriteFailedError);
    // The deadline may fall into a pause or into a send.
    expect(failures[0]?.message).to.match(/not sent|no answer within 1500 ms/);
  });

  it('is sent again as it was when its partition moves, and stored once', async () => {
    await opened();
    let moved = 2;
    fake.log.refuse = () => (moved-- > 0 ? notLeader : undefined);
    const places = await Promise.all(many(0, 5));
    expect(places.map(({ offset }) => offset)).to.deep.equal([1, 2, 3, 4, 5]);
    expect(fake.log.batches.map(numbersOf)).to.deep.equal([
      [1, 5],
      [1, 5],
      [1, 5],
    ]);
  });

  it('leaves what is not known unknown: the session is replaced, other partitions are answered', async () => {
    fake.partitions = 6;
    await opened();
    fake.log.refuse = ({ partition }) => (partition === 2 ? outOfOrder : undefined);
    const results = await settled(many(0, 30));
    const failures = rejections(results);
    expect(failures).to.not.have.length(0).and.not.have.length(30);
    for (const failure of failures) expect(failure).to.be.instanceOf(WriteFailedError);
    const before = new Set(fake.log.batches.map(({ producerId }) => producerId));
    fake.log.refuse = () => undefined;
    await write('next');
    expect(before.has(fake.log.batches.at(-1)?.producerId ?? 0n)).to.equal(false);
  });
});
