import { expect } from 'chai';
import { openKafkaTopicConsumers } from '../../../src/kafka/group/kafka-topic-consumers.ts';
import { type KafkaAdmin, openKafkaAdmin } from '../../../src/kafka/kafka-admin.ts';
import { openKafkaActionProducer } from '../../../src/kafka/producer/kafka-action-producer.ts';
import { openKafkaActionConsumer } from '../../../src/kafka/reader/kafka-action-consumer.ts';
import {
  ClosedError,
  DeadlineExceededError,
  LogUnavailableError,
  NotSetUpError,
} from '../../../src/model/errors.ts';
import { type Offset, type Partition, Topic } from '../../../src/model/position.ts';
import type { ActionProducer } from '../../../src/ports/action-producer.ts';
import type { TopicSubscriber } from '../../../src/ports/topic-consumer.ts';
import {
  appendOf,
  eventually,
  failureOf,
  keyOf,
  readAll,
  seqNrsOf,
} from '../../contract/action-log.fixture.ts';
import { apiKeys, FaultProxy } from '../../support/fault-proxy.ts';
import { brokerAddress, createTopic, kafkaSettings, quietDeps } from './kafka-fixture.ts';

const first = 0 as Partition;

describe('Kafka consumers in the face of faults', function () {
  this.timeout(90_000);
  let admin: KafkaAdmin;
  let producer: ActionProducer;
  let proxy: FaultProxy;
  before(async () => {
    admin = await openKafkaAdmin(kafkaSettings(), quietDeps);
    producer = await openKafkaActionProducer(kafkaSettings(), quietDeps);
  });
  after(async () => {
    await producer[Symbol.asyncDispose]();
    await admin[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    proxy = await FaultProxy.open(brokerAddress());
  });
  afterEach(() => proxy[Symbol.asyncDispose]());

  const produce = (topic: Topic, count: number, id = 'a') =>
    Promise.all(
      Array.from({ length: count }, (_, i) => producer.produce(appendOf(keyOf(topic, id), i + 1))),
    );

  function proxied(changes: Parameters<typeof kafkaSettings>[0] = {}) {
    return kafkaSettings({
      bootstrapServers: [proxy.address],
      requestTimeoutMs: 3_000,
      ...changes,
    });
  }

  describe('reading a range', () => {
    const range = (topic: Topic, to: number) => ({
      key: keyOf(topic, 'a'),
      partition: first,
      from: 0,
      to,
    });

    it('goes on after its connections were reset', async () => {
      const topic = await createTopic(admin, 'read-cut', 1);
      await produce(topic, 200);
      await using consumer = await openKafkaActionConsumer(proxied(), quietDeps);
      expect(await readAll(consumer, range(topic, 200))).to.have.length(200);
      proxy.cut();
      expect(await readAll(consumer, range(topic, 200))).to.have.length(200);
      proxy.dropAnswers(apiKeys.fetch, 1, { thenCut: true });
      expect(seqNrsOf(await readAll(consumer, range(topic, 200)))).to.have.length(200);
    });

    it('fails within the read deadline, retryably, when the broker does not answer, and reads again later', async () => {
      const topic = await createTopic(admin, 'read-frozen', 1);
      await produce(topic, 5);
      await using consumer = await openKafkaActionConsumer(proxied(), quietDeps);
      await readAll(consumer, range(topic, 5));
      proxy.freeze(true);
      const startedMs = Date.now();
      const failure = await failureOf(readAll(consumer, range(topic, 5)));
      expect(Date.now() - startedMs).to.be.below(15_000);
      expect(failure).to.satisfy(
        (e: unknown) => e instanceof LogUnavailableError || e instanceof DeadlineExceededError,
      );
      proxy.freeze(false);
      proxy.cut();
      expect(await readAll(consumer, range(topic, 5))).to.have.length(5);
    });

    it('gives a caller that takes its time everything, while another one is not held up by it', async () => {
      const topic = await createTopic(admin, 'slow', 1);
      await produce(topic, 30_000);
      await using consumer = await openKafkaActionConsumer(kafkaSettings(), quietDeps);
      const slow = consumer.read({
        ...range(topic, 30_000),
        from: 0 as Offset,
        to: 30_000 as Offset,
      });
      const iterator = slow[Symbol.asyncIterator]();
      const head = await iterator.next();
      expect(await readAll(consumer, range(topic, 30_000))).to.have.length(30_000);
      const seqNrs = seqNrsOf(head.value ?? []);
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
        seqNrs.push(...seqNrsOf(next.value));
      }
      expect(seqNrs).to.deep.equal(Array.from({ length: 30_000 }, (_, i) => i + 1));
    });

    it('ends running reads when it is closed', async () => {
      const topic = await createTopic(admin, 'read-closed', 1);
      await produce(topic, 1);
      const consumer = await openKafkaActionConsumer(proxied(), quietDeps);
      await readAll(consumer, range(topic, 1));
      proxy.freeze(true);
      const reading = failureOf(readAll(consumer, range(topic, 1)));
      await new Promise((resolve) => setTimeout(resolve, 100));
      await consumer[Symbol.asyncDispose]();
      expect(await reading).to.be.instanceOf(ClosedError);
    });

    it('names a topic or partition that does not exist', async () => {
      const topic = await createTopic(admin, 'one-partition', 1);
      await using consumer = await openKafkaActionConsumer(kafkaSettings(), quietDeps);
      const missing = Topic.of(`missing-${Date.now()}`);
      const noTopic = await failureOf(consumer.endOffset(missing, first));
      expect(noTopic).to.be.instanceOf(NotSetUpError);
      expect((noTopic as Error).message).to.include(missing);
      const read = readAll(consumer, { ...range(topic, 1), partition: 7 as Partition });
      expect(await failureOf(read)).to.be.instanceOf(NotSetUpError);
    });
  });

  describe('a group member', () => {
    it('joins again only after the work in hand has settled and its partitions are revoked', async () => {
      const topic = await createTopic(admin, 'rebalance', 2);
      await Promise.all(['a', 'b', 'c', 'd', 'e'].map((id) => produce(topic, 3, id)));
      const settings = kafkaSettings();
      await using consumers = await openKafkaTopicConsumers(settings, quietDeps);
      const [one, two] = [await consumers.open(topic), await consumers.open(topic)];
      const release = Promise.withResolvers<void>();
      const stop = new AbortController();
      const story: string[] = [];
      const ending = new Set<AbortSignal>();
      const running = [
        one.run(
          subscriber(story, 'one', async (signal) => {
            ending.add(signal);
            await release.promise;
          }),
          stop,
        ),
      ];
      await eventually('work in hand', () => ending.size === 2);
      running.push(
        two.run(
          subscriber(story, 'two', async () => {}),
          stop,
        ),
      );
      await eventually('the signal to finish', () => [...ending].every((signal) => signal.aborted));
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(story.filter((line) => line.startsWith('two'))).to.deep.equal([]);
      expect(story.filter((line) => line.includes('revoked'))).to.deep.equal([]);
      release.resolve();
      await eventually('a share for two', () =>
        story.some((line) => line.startsWith('two assigned')),
      );
      // What comes after is a new assignment: partitions that stay with one are read again.
      const before = story.slice(
        0,
        story.findIndex((line) => line.startsWith('two assigned')),
      );
      expect(before.slice(0, 2)).to.have.members(['one assigned 0', 'one assigned 1']);
      expect(before.slice(2, 4)).to.deep.equal(['one settled', 'one settled']);
      expect(before.slice(4, 6)).to.have.members(['one revoked 0', 'one revoked 1']);
      stop.abort();
      await Promise.all(running);
    });

    it('loses its partitions when the group does not hear of it, and joins again as a new member', async () => {
      const topic = await createTopic(admin, 'lost', 1);
      const base = proxied();
      const consumer = { ...base.consumer, sessionTimeoutMs: 3_000, heartbeatIntervalMs: 300 };
      await using consumers = await openKafkaTopicConsumers({ ...base, consumer }, quietDeps);
      const member = await consumers.open(topic);
      const stop = new AbortController();
      const story: string[] = [];
      const running = member.run(
        subscriber(story, 'one', async () => {}),
        stop,
      );
      await eventually('the assignment', () => story.includes('one assigned 0'));
      proxy.dropAnswers(apiKeys.heartbeat, 1_000_000, { thenCut: true });
      await eventually('the loss', () => story.includes('one lost 0'));
      expect(story).to.not.include('one revoked 0');
      proxy.dropAnswers(apiKeys.heartbeat, 0, { thenCut: false });
      await eventually(
        'the new assignment',
        () => story.filter((line) => line === 'one assigned 0').length === 2,
      );
      await produce(topic, 3);
      await eventually('the records', () => story.includes('one settled'));
      stop.abort();
      await running;
      expect(story.at(-1)).to.equal('one revoked 0');
    });

    it('goes on without a gap or a repetition after its connections were reset', async () => {
      const topic = await createTopic(admin, 'group-cut', 1);
      await using consumers = await openKafkaTopicConsumers(proxied(), quietDeps);
      const member = await consumers.open(topic);
      const stop = new AbortController();
      const offsets: number[] = [];
      const running = member.run(
        {
          ...subscriber([], 'one', async () => {}),
          records: async ({ records }) => {
            offsets.push(...records.map(({ offset }) => offset));
          },
        },
        stop,
      );
      for (let round = 0; round < 4; round++) {
        await produce(topic, 50);
        if (round % 2 === 0) proxy.cut();
        else proxy.dropAnswers(apiKeys.fetch, 1, { thenCut: true });
      }
      await eventually('all records', () => offsets.length >= 200);
      expect(offsets).to.deep.equal(Array.from({ length: 200 }, (_, i) => i));
      stop.abort();
      await running;
    });

    it('ends with an error when its subscriber hangs longer than the poll interval', async () => {
      const topic = await createTopic(admin, 'hangs', 1);
      await produce(topic, 1);
      const base = kafkaSettings();
      const consumer = { ...base.consumer, maxPollIntervalMs: 1_500 };
      await using consumers = await openKafkaTopicConsumers({ ...base, consumer }, quietDeps);
      const member = await consumers.open(topic);
      const never = new Promise<void>(() => {});
      const running = member.run(
        subscriber([], 'one', () => never),
        new AbortController(),
      );
      const failure = await failureOf(running);
      expect(failure).to.be.instanceOf(DeadlineExceededError);
      expect((failure as Error).message).to.include(topic);
    });

    it('stops soon when the broker is not there any more', async () => {
      const topic = await createTopic(admin, 'stops', 1);
      await using consumers = await openKafkaTopicConsumers(proxied(), quietDeps);
      const member = await consumers.open(topic);
      const stop = new AbortController();
      const story: string[] = [];
      const running = member.run(
        subscriber(story, 'one', async () => {}),
        stop,
      );
      await eventually('the assignment', () => story.includes('one assigned 0'));
      proxy.freeze(true);
      stop.abort();
      const startedMs = Date.now();
      await running;
      expect(Date.now() - startedMs).to.be.below(10_000);
      expect(story.at(-1)).to.equal('one revoked 0');
      proxy.freeze(false);
    });
  });
});

/** Writes down what it is told; `work` is done for each batch. */
function subscriber(
  story: string[],
  name: string,
  work: (signal: AbortSignal) => Promise<void>,
): TopicSubscriber {
  const tell = (what: string) => async (partition: Partition) => {
    story.push(`${name} ${what} ${partition}`);
  };
  return {
    assigned: async (partition) => {
      story.push(`${name} assigned ${partition}`);
      return undefined;
    },
    records: async (_, signal) => {
      await work(signal);
      story.push(`${name} settled`);
    },
    revoked: tell('revoked'),
    lost: tell('lost'),
  };
}
