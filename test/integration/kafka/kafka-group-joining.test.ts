import { expect } from 'chai';
import { openKafkaTopicConsumers } from '../../../src/kafka/group/kafka-topic-consumers.ts';
import { type KafkaAdmin, openKafkaAdmin } from '../../../src/kafka/kafka-admin.ts';
import { openKafkaActionProducer } from '../../../src/kafka/producer/kafka-action-producer.ts';
import type { Topic } from '../../../src/model/position.ts';
import type { ActionProducer } from '../../../src/ports/action-producer.ts';
import type { TopicConsumers, TopicSubscriber } from '../../../src/ports/topic-consumer.ts';
import { appendOf, eventually, keyOf } from '../../contract/action-log.fixture.ts';
import { FaultProxy } from '../../support/fault-proxy.ts';
import { brokerAddress, createTopic, kafkaSettings, quietDeps } from './kafka-fixture.ts';

/** Far above what a join takes, well below the session timeout of a member that is left behind. */
const soonMs = 5_000;
const sessionTimeoutMs = 15_000;

describe('A member that joins while another one still works', function () {
  this.timeout(90_000);
  let admin: KafkaAdmin;
  let producer: ActionProducer;
  let proxy: FaultProxy;
  let topic: Topic;
  let steady: TopicConsumers;
  let shaky: TopicConsumers;
  let story: string[];
  let release: () => void;
  let stop: AbortController;
  let running: Promise<void>[];

  before(async () => {
    admin = await openKafkaAdmin(kafkaSettings(), quietDeps);
    producer = await openKafkaActionProducer(kafkaSettings(), quietDeps);
  });
  after(async () => {
    await producer[Symbol.asyncDispose]();
    await admin[Symbol.asyncDispose]();
  });

  /** Member `one` works on a record until `release`; `two` comes through the proxy. */
  beforeEach(async () => {
    proxy = await FaultProxy.open(brokerAddress());
    topic = await createTopic(admin, 'joining', 2);
    const base = kafkaSettings();
    const settings = { ...base, consumer: { ...base.consumer, sessionTimeoutMs } };
    steady = await openKafkaTopicConsumers(settings, quietDeps);
    const proxied = { ...settings, bootstrapServers: [proxy.address], requestTimeoutMs: 3_000 };
    shaky = await openKafkaTopicConsumers(proxied, quietDeps);
    story = [];
    stop = new AbortController();
    const work = Promise.withResolvers<void>();
    release = () => work.resolve();
    const one = await steady.open(topic);
    running = [
      one.run(
        subscriber('one', () => work.promise),
        stop,
      ),
    ];
    await producer.produce(appendOf(keyOf(topic, 'a'), 1));
    await eventually('work in hand', () => story.includes('one works'));
  });
  afterEach(async () => {
    release();
    stop.abort();
    await Promise.all(running);
    await shaky[Symbol.asyncDispose]();
    await steady[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
  });

  function subscriber(name: string, work: () => Promise<void>): TopicSubscriber {
    const tell = (what: string) => async () => {
      story.push(`${name} ${what}`);
    };
    return {
      assigned: async () => {
        story.push(`${name} assigned`);
        return undefined;
      },
      records: async (_, signal) => {
        story.push(`${name} works`);
        signal.addEventListener('abort', () => story.push(`${name} is asked to finish`));
        await work();
      },
      revoked: tell('revoked'),
      lost: tell('lost'),
    };
  }

  async function twoWaitsToJoin(signal: AbortSignal): Promise<void> {
    const two = await shaky.open(topic);
    running.push(
      two.run(
        subscriber('two', async () => {}),
        { signal },
      ),
    );
    await eventually('the rebalance', () => story.includes('one is asked to finish'));
  }

  it('gets its share soon after its connections were reset: it goes on as the same member', async () => {
    await twoWaitsToJoin(stop.signal);
    proxy.cut();
    await new Promise((resolve) => setTimeout(resolve, 500));
    release();
    const startedMs = Date.now();
    await eventually('a share for two', () => story.includes('two assigned'));
    expect(Date.now() - startedMs).to.be.below(soonMs);
  });

  it('does not hold up the group when it stops: the group does not wait for it', async () => {
    const stopTwo = new AbortController();
    await twoWaitsToJoin(stopTwo.signal);
    stopTwo.abort();
    await running[1];
    release();
    const startedMs = Date.now();
    const assigned = () => story.filter((line) => line === 'one assigned').length;
    await eventually('everything for one', () => assigned() === 4);
    expect(Date.now() - startedMs).to.be.below(soonMs);
    expect(story).to.not.include('two assigned');
  });
});
