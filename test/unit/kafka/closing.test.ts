import { expect } from 'chai';
import { loadConfig } from '../../../src/config/load-config.ts';
import { readKafkaJournalSettings } from '../../../src/config/settings/journal-settings.ts';
import type { KafkaSettings } from '../../../src/config/settings/kafka-settings.ts';
import { openKafkaActionProducer } from '../../../src/kafka/producer/kafka-action-producer.ts';
import { openKafkaActionConsumer } from '../../../src/kafka/reader/kafka-action-consumer.ts';
import { ClosedError, LogUnavailableError, WriteFailedError } from '../../../src/model/errors.ts';
import { Offset, Partition, Topic } from '../../../src/model/position.ts';
import { silentLogger } from '../../../src/observability/logger.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import {
  appendOf,
  eventually,
  failureOf,
  keyOf,
  readAll,
} from '../../contract/action-log.fixture.ts';
import { FakeKafka } from '../../support/fake-kafka.ts';
import { openTimers } from '../../support/open-timers.ts';

const deps = { log: silentLogger, clock: systemClock };
const path = 'evolutiongaming.kafka-journal.persistence.journal';
const produce = 0;
const fetch = 1;
/** Long enough for a test to see it, if it is left. */
const aWhileMs = 60_000;
/** The driver tries twice more by itself, without its sockets. */
const driverRetriesMs = 1_000;
const topic = Topic.of('t');
const first = Partition.of(0);

describe('a Kafka client that is closed leaves nothing open', () => {
  let fake: FakeKafka;
  let base: KafkaSettings;
  let timersBefore: number;
  before(async () => {
    base = readKafkaJournalSettings(await loadConfig({ text: '' }), path).kafka;
  });
  beforeEach(async () => {
    fake = await FakeKafka.open();
    timersBefore = openTimers();
  });
  afterEach(() => fake[Symbol.asyncDispose]());

  const settings = (changes: Partial<KafkaSettings> = {}): KafkaSettings => ({
    ...base,
    bootstrapServers: [fake.address],
    requestTimeoutMs: aWhileMs,
    ...changes,
  });

  const expectNothingOpen = async (): Promise<void> => {
    const endMs = Date.now() + driverRetriesMs;
    const isOpen = (): boolean => openTimers() > timersBefore || fake.sockets.size > 0;
    while (isOpen() && Date.now() < endMs) await systemClock.sleep(20);
    expect(openTimers() - timersBefore, 'timers').to.be.at.most(0);
    expect(fake.sockets.size, 'connections').to.equal(0);
  };
  const closedSoon = async (client: AsyncDisposable): Promise<void> => {
    const startedMs = Date.now();
    await client[Symbol.asyncDispose]();
    expect(Date.now() - startedMs).to.be.below(3_000);
  };
  const range = { key: keyOf(topic, 'a'), partition: first, from: 0, to: 10 };

  it('while a read waits for its next try', async () => {
    const consumer = await openKafkaActionConsumer(settings(), deps);
    const reading = failureOf(readAll(consumer, range));
    await eventually('a fetch', () => fake.asked.includes(fetch));
    fake.refuse(true);
    await systemClock.sleep(200);
    await closedSoon(consumer);
    expect(await reading).to.be.instanceOf(ClosedError);
    await expectNothingOpen();
  });

  it('while it follows a partition whose broker is gone', async () => {
    const consumer = await openKafkaActionConsumer(settings(), deps);
    const following = consumer.follow({ topic, partition: first, from: Offset.of(0) });
    const failing = failureOf(following[Symbol.asyncIterator]().next());
    await eventually('a fetch', () => fake.asked.includes(fetch));
    fake.refuse(true);
    await closedSoon(consumer);
    expect(await failing).to.be.instanceOf(Error);
    await expectNothingOpen();
  });

  it('while it opens the connections of its follower', async () => {
    const consumer = await openKafkaActionConsumer(settings(), deps);
    fake.isSilent = true;
    const following = consumer.follow({ topic, partition: first, from: Offset.of(0) });
    const failing = failureOf(following[Symbol.asyncIterator]().next());
    await systemClock.sleep(100);
    await closedSoon(consumer);
    expect(await failing).to.be.instanceOf(ClosedError);
    await expectNothingOpen();
  });

  it('after a follower gave up while its connections were opened', async () => {
    const consumer = await openKafkaActionConsumer(settings(), deps);
    fake.isSilent = true;
    const abort = new AbortController();
    const start = { topic, partition: first, from: Offset.of(0) };
    const following = consumer.follow(start, abort)[Symbol.asyncIterator]();
    const failing = failureOf(following.next());
    await systemClock.sleep(50);
    abort.abort(new Error('not wanted any more'));
    expect(await failing).to.equal(abort.signal.reason);
    await closedSoon(consumer);
    await expectNothingOpen();
  });

  it('when it could not be opened', async () => {
    fake.refuse(true);
    const opening = failureOf(openKafkaActionConsumer(settings({ requestTimeoutMs: 300 }), deps));
    expect(await opening).to.be.instanceOf(LogUnavailableError);
    await expectNothingOpen();
  });

  it('while its producer opens another session', async () => {
    const changes = { producer: { ...base.producer, deliveryTimeoutMs: 300 } };
    const limits = { closeMs: 100 };
    const producer = await openKafkaActionProducer(settings(changes), deps, { limits });
    fake.distort = ({ kind }) => (kind === produce ? Buffer.alloc(0) : undefined);
    const failed = await failureOf(producer.produce(appendOf(keyOf(topic, 'a'), 1)));
    expect(failed).to.be.instanceOf(WriteFailedError);
    fake.isSilent = true;
    const waiting = failureOf(producer.produce(appendOf(keyOf(topic, 'a'), 2)));
    await systemClock.sleep(100);
    await closedSoon(producer);
    expect(await waiting).to.be.instanceOf(Error);
    await expectNothingOpen();
  });
});
