import { expect } from 'chai';
import type { KafkaSettings } from '../../../src/config/settings/kafka-settings.ts';
import { type KafkaAdmin, openKafkaAdmin } from '../../../src/kafka/kafka-admin.ts';
import { openKafkaActionProducer } from '../../../src/kafka/producer/kafka-action-producer.ts';
import { openKafkaActionConsumer } from '../../../src/kafka/reader/kafka-action-consumer.ts';
import {
  LogUnavailableError,
  NotSetUpError,
  WriteFailedError,
  WriteRejectedError,
} from '../../../src/model/errors.ts';
import type { Key } from '../../../src/model/key.ts';
import { type Partition, type PartitionOffset, Topic } from '../../../src/model/position.ts';
import type { ActionConsumer } from '../../../src/ports/action-consumer.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import {
  appendOf,
  failureOf,
  keyOf,
  readAll,
  seqNrsOf,
} from '../../contract/action-log.fixture.ts';
import { apiKeys, FaultProxy } from '../../support/fault-proxy.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';
import {
  brokerAddress,
  createTopic,
  deleteTopic,
  kafkaSettings,
  plainKafka,
  quietDeps,
} from './kafka-fixture.ts';

const first = 0 as Partition;
const answerMs = 1_500;

describe('Kafka producer in the face of faults', function () {
  this.timeout(60_000);
  let admin: KafkaAdmin;
  let consumer: ActionConsumer;
  let proxy: FaultProxy;
  before(async () => {
    admin = await openKafkaAdmin(kafkaSettings(), quietDeps);
    consumer = await openKafkaActionConsumer(kafkaSettings(), quietDeps);
  });
  after(async () => {
    await consumer[Symbol.asyncDispose]();
    await admin[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    proxy = await FaultProxy.open(brokerAddress());
  });
  afterEach(() => proxy[Symbol.asyncDispose]());

  /** Everything stored for `key`, read past the proxy. */
  async function stored(key: Key, partition = first) {
    const to = await consumer.endOffset(key.topic, partition);
    return readAll(consumer, { key, partition, from: 0, to });
  }

  it('stores each record once and in order when answers are lost while many callers produce', async () => {
    const key = keyOf(await createTopic(admin, 'lost-answers', 1));
    await using producer = await openKafkaActionProducer(proxied(proxy), quietDeps);
    const calls: Promise<PartitionOffset>[] = [];
    for (let round = 0; round < 6; round++) {
      if (round % 2 === 1) proxy.dropAnswers(apiKeys.produce, 1, { thenCut: true });
      for (let i = 0; i < 50; i++) calls.push(producer.produce(appendOf(key, calls.length + 1)));
      await calls[calls.length - 1];
    }
    const places = await Promise.all(calls);
    expect(proxy.dropped).to.equal(3);
    const records = await stored(key);
    expect(seqNrsOf(records)).to.deep.equal(Array.from({ length: 300 }, (_, i) => i + 1));
    expect(records.map(({ at }) => at)).to.deep.equal(places);
  });

  it('says what it meets while Kafka is down, and nothing once it is there again', async () => {
    const key = keyOf(await createTopic(admin, 'trouble', 1));
    await using producer = await openKafkaActionProducer(proxied(proxy), quietDeps);
    await producer.produce(appendOf(key, 1));
    proxy.refuse(true);
    const call = producer.produce(appendOf(key, 2));
    while (producer.trouble === undefined) await systemClock.sleep(10);
    expect(producer.trouble).to.include({ code: 'LOG_UNAVAILABLE' });
    expect(producer.trouble.message).to.contain(proxy.address);
    proxy.refuse(false);
    await call;
    expect(producer.trouble).to.equal(undefined);
  });

  it('leaves a half-open broker after the answer deadline, and the record is stored once', async () => {
    const key = keyOf(await createTopic(admin, 'half-open', 1));
    await using producer = await openKafkaActionProducer(proxied(proxy), quietDeps);
    await producer.produce(appendOf(key, 1));
    proxy.freezeConnections();
    const startedMs = Date.now();
    await producer.produce(appendOf(key, 2));
    expect(Date.now() - startedMs).to.be.within(answerMs - 100, answerMs + 4_000);
    expect(seqNrsOf(await stored(key))).to.deep.equal([1, 2]);
  });

  it('tells the callers at the write deadline that the write failed, and goes on with a new session', async () => {
    const key = keyOf(await createTopic(admin, 'deadline', 1));
    const settings = proxied(proxy, { deliveryTimeoutMs: 2_500 });
    await using producer = await openKafkaActionProducer(settings, quietDeps);
    await producer.produce(appendOf(key, 1));
    proxy.freeze(true);
    const startedMs = Date.now();
    const failures = await Promise.all([
      failureOf(producer.produce(appendOf(key, 2))),
      failureOf(producer.produce(appendOf(key, 3))),
    ]);
    expect(Date.now() - startedMs).to.be.within(2_400, 9_000);
    for (const failure of failures) expect(failure).to.be.instanceOf(WriteFailedError);
    proxy.freeze(false);
    await producer.produce(appendOf(key, 4));
    const seqNrs = seqNrsOf(await stored(key));
    expect(seqNrs[0]).to.equal(1);
    expect(seqNrs.at(-1)).to.equal(4);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(seqNrsOf(await stored(key))).to.deep.equal(
      seqNrs,
      'nothing of the old session lands later',
    );
  });

  it('waits out a broker that is down for a while: no error, nothing lost, nothing twice', async () => {
    const key = keyOf(await createTopic(admin, 'down', 1));
    const log = new RecordingLogger();
    await using producer = await openKafkaActionProducer(proxied(proxy), { ...quietDeps, log });
    await producer.produce(appendOf(key, 1));
    proxy.refuse(true);
    const calls = [2, 3, 4].map((n) => producer.produce(appendOf(key, n)));
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    proxy.refuse(false);
    await Promise.all(calls);
    expect(seqNrsOf(await stored(key))).to.deep.equal([1, 2, 3, 4]);
    const warnings = log.of('warn').filter((line) => line.includes('cannot be reached'));
    expect(warnings).to.have.length(1);
    expect(warnings[0]).to.include('retries by itself').and.include('If this persists');
  });

  it('hands out no producer when connect() fails half-way: the producer id never came', async () => {
    proxy.dropAnswers(apiKeys.initProducerId, 1_000, { thenCut: true });
    const settings = { ...proxied(proxy), requestTimeoutMs: 2_000 };
    const failure = await failureOf(openKafkaActionProducer(settings, quietDeps));
    expect(failure).to.be.instanceOf(LogUnavailableError);
    expect(proxy.dropped).to.be.greaterThan(0);
  });

  it('names the address when no broker is there, within the request timeout', async () => {
    const settings = {
      ...kafkaSettings({ bootstrapServers: ['127.0.0.1:1'] }),
      requestTimeoutMs: 1_000,
    };
    const startedMs = Date.now();
    for (const open of [openKafkaActionProducer, openKafkaActionConsumer, openKafkaAdmin]) {
      const failure = await failureOf(open(settings, quietDeps));
      expect(failure).to.be.instanceOf(LogUnavailableError);
      expect((failure as Error).message)
        .to.include('127.0.0.1:1')
        .and.include('ECONNREFUSED');
    }
    expect(Date.now() - startedMs).to.be.below(6_000);
  });

  it('refuses a topic that does not exist, and goes on with the others', async () => {
    const key = keyOf(await createTopic(admin, 'exists', 1));
    const missing = keyOf(Topic.of(`missing-${Date.now()}`));
    await using producer = await openKafkaActionProducer(kafkaSettings(), quietDeps);
    const [failure, at] = await Promise.all([
      failureOf(producer.produce(appendOf(missing, 1))),
      producer.produce(appendOf(key, 1)),
    ]);
    expect(failure).to.be.instanceOf(NotSetUpError);
    expect((failure as Error).message).to.include(missing.topic);
    expect(at.offset).to.equal(0);
  });

  it('goes on with the other topics when one is deleted, and refuses the deleted one', async () => {
    const [doomed, key] = [
      keyOf(await createTopic(admin, 'doomed', 1)),
      keyOf(await createTopic(admin, 'stays', 1)),
    ];
    await using producer = await openKafkaActionProducer(kafkaSettings(), quietDeps);
    await using other = await openKafkaActionConsumer(kafkaSettings(), quietDeps);
    for (const each of [doomed, key]) {
      await producer.produce(appendOf(each, 1));
      expect(await other.endOffset(each.topic, first)).to.equal(1);
    }
    await deleteTopic(doomed.topic);
    await new Promise((resolve) => setTimeout(resolve, 5_500));
    const startedMs = Date.now();
    await producer.produce(appendOf(key, 2));
    expect(Date.now() - startedMs).to.be.below(3_000);
    const third = keyOf(await createTopic(admin, 'third', 1));
    expect(await other.endOffset(third.topic, first)).to.equal(0);
    expect(await failureOf(producer.produce(appendOf(doomed, 2)))).to.satisfy(isWriteError);
    expect(await failureOf(producer.produce(appendOf(doomed, 3)))).to.be.instanceOf(NotSetUpError);
    await producer.produce(appendOf(key, 3));
    expect(seqNrsOf(await stored(key))).to.deep.equal([1, 2, 3]);
  });

  it('rejects a record above max-request-size, and one above the limit of the topic; others go on', async () => {
    const topic = Topic.of(`small-${Date.now()}`);
    const operator = plainKafka().admin();
    await operator.connect();
    const configEntries = [{ name: 'max.message.bytes', value: '2000' }];
    await operator.createTopics({ topics: [{ topic, numPartitions: 1, configEntries }] });
    await operator.disconnect();
    const key = keyOf(topic);
    const settings = kafkaSettings();
    const plain = { ...settings, producer: { ...settings.producer, compression: 'none' as const } };
    await using producer = await openKafkaActionProducer(plain, quietDeps);
    const sized = (bytes: number) => ({ ...appendOf(key, 1), value: Buffer.alloc(bytes, 1) });
    const tooLarge = await failureOf(producer.produce(sized(2_000_000) as never));
    expect(tooLarge).to.be.instanceOf(WriteRejectedError);
    const refused = await failureOf(producer.produce(sized(3_000) as never));
    expect(refused).to.be.instanceOf(WriteRejectedError);
    expect((refused as Error).message).to.include(topic);
    expect((await producer.produce(appendOf(key, 1))).offset).to.equal(0);
  });

  it('lets what was accepted go out when it is closed, and refuses what comes later', async () => {
    const key = keyOf(await createTopic(admin, 'closed', 1));
    const producer = await openKafkaActionProducer(kafkaSettings(), quietDeps);
    const calls = Array.from({ length: 20 }, (_, i) => producer.produce(appendOf(key, i + 1)));
    const closing = producer[Symbol.asyncDispose]();
    expect(await failureOf(producer.produce(appendOf(key, 21)))).to.be.instanceOf(
      WriteRejectedError,
    );
    await closing;
    expect((await Promise.all(calls)).map(({ offset }) => offset)).to.deep.equal(
      Array.from({ length: 20 }, (_, i) => i),
    );
  });

  it('replaces its session before the sequence numbers of the driver run out', async () => {
    const key = keyOf(await createTopic(admin, 'renewed', 1));
    await using producer = await openKafkaActionProducer(kafkaSettings(), quietDeps, {
      limits: { sessionRecords: 10, sendRecords: 4 },
    });
    await Promise.all(Array.from({ length: 50 }, (_, i) => producer.produce(appendOf(key, i + 1))));
    expect(seqNrsOf(await stored(key))).to.deep.equal(Array.from({ length: 50 }, (_, i) => i + 1));
  });

  for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
    it(`writes and reads ${compression} records`, async () => {
      const key = keyOf(await createTopic(admin, compression, 1));
      const settings = kafkaSettings();
      const producerSettings = { ...settings.producer, compression };
      await using producer = await openKafkaActionProducer(
        { ...settings, producer: producerSettings },
        quietDeps,
      );
      await Promise.all(
        Array.from({ length: 500 }, (_, i) => producer.produce(appendOf(key, i + 1))),
      );
      expect(seqNrsOf(await stored(key))).to.deep.equal(
        Array.from({ length: 500 }, (_, i) => i + 1),
      );
    });
  }
});

function isWriteError(error: unknown): boolean {
  return error instanceof WriteFailedError || error instanceof NotSetUpError;
}

function proxied(
  { address }: FaultProxy,
  producer: Partial<KafkaSettings['producer']> = {},
): KafkaSettings {
  const settings = kafkaSettings({ bootstrapServers: [address] });
  return {
    ...settings,
    requestTimeoutMs: answerMs,
    producer: { ...settings.producer, ...producer },
  };
}
