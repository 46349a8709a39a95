import { expect } from 'chai';
import type { KafkaSettings } from '../../../src/config/settings/kafka-settings.ts';
import { openKafkaTopicConsumers } from '../../../src/kafka/group/kafka-topic-consumers.ts';
import { type KafkaAdmin, openKafkaAdmin } from '../../../src/kafka/kafka-admin.ts';
import { openKafkaActionProducer } from '../../../src/kafka/producer/kafka-action-producer.ts';
import type { Topic } from '../../../src/model/position.ts';
import type { ActionProducer } from '../../../src/ports/action-producer.ts';
import type { Ownership, PartitionBatch } from '../../../src/ports/topic-consumer.ts';
import { appendOf, eventually, keyOf } from '../../contract/action-log.fixture.ts';
import { FaultProxy } from '../../support/fault-proxy.ts';
import { brokerAddress, createTopic, kafkaSettings, quietDeps } from './kafka-fixture.ts';

/** Shorter than a broker allows unless it is told otherwise, as that of the stack is. */
const sessionTimeoutMs = 3_000;

describe('a group member that stands still for longer than its session', function () {
  this.timeout(60_000);
  let admin: KafkaAdmin;
  let producer: ActionProducer;
  let proxy: FaultProxy;
  before(async () => {
    admin = await openKafkaAdmin(kafkaSettings(), quietDeps);
    producer = await openKafkaActionProducer(kafkaSettings(), quietDeps);
    proxy = await FaultProxy.open(brokerAddress());
  });
  after(async () => {
    await proxy[Symbol.asyncDispose]();
    await producer[Symbol.asyncDispose]();
    await admin[Symbol.asyncDispose]();
  });

  function settings(changes: Partial<KafkaSettings> = {}): KafkaSettings {
    const base = kafkaSettings(changes);
    return { ...base, consumer: { ...base.consumer, sessionTimeoutMs, groupId: 'zombie' } };
  }

  async function produceOne(topic: Topic): Promise<void> {
    await producer.produce(appendOf(keyOf(topic, 'a'), 1));
  }

  it('knows it when it first looks, before any timer of it fires', async () => {
    const topic = await createTopic(admin, 'zombie', 1);
    await produceOne(topic);
    await using member = await join(settings(), topic);
    await eventually('a batch', () => member.batches.length > 0);
    expect(member.isOwned()).to.equal(true);
    standStill(sessionTimeoutMs + 500);
    expect(member.isOwned()).to.equal(false);
    await eventually('the loss', () => member.story.includes('lost'));
    expect(member.story).to.not.include('revoked');
    await eventually('its return', () => member.story.filter((at) => at === 'assigned').length > 1);
    expect(member.batches[0]?.isOwned?.()).to.equal(false);
  });

  it('stops believing in its partitions before another member gets them', async () => {
    const topic = await createTopic(admin, 'taken', 1);
    await produceOne(topic);
    await using one = await join(settings({ bootstrapServers: [proxy.address] }), topic);
    await eventually('a batch', () => one.batches.length > 0);
    let ownedAtMs = 0;
    const looking = setInterval(() => {
      if (one.isOwned()) ownedAtMs = performance.now();
    }, 5);
    proxy.freeze(true);
    await using two = await join(settings(), topic);
    await eventually('the other member', () => two.story.includes('assigned'));
    clearInterval(looking);
    expect(ownedAtMs).to.be.above(0);
    expect(ownedAtMs).to.be.below(two.assignedAtMs());
    proxy.freeze(false);
  });
});

/** Blocks the whole thread, as SIGSTOP does. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** A member that holds its first batch until it is told to let go. */
async function join(settings: KafkaSettings, topic: Topic) {
  const consumers = await openKafkaTopicConsumers(settings, quietDeps);
  const member = await consumers.open(topic);
  const stop = new AbortController();
  const story: string[] = [];
  const batches: PartitionBatch[] = [];
  let assignedAtMs = 0;
  const running = member.run(
    {
      async assigned() {
        story.push('assigned');
        assignedAtMs = performance.now();
        return undefined;
      },
      records: (batch, signal) => {
        batches.push(batch);
        return new Promise((resolve) => {
          signal.addEventListener('abort', () => resolve(), { once: true });
        });
      },
      revoked: async () => void story.push('revoked'),
      lost: async () => void story.push('lost'),
    },
    { signal: stop.signal },
  );
  const isOwned: Ownership = () => batches.at(-1)?.isOwned?.() ?? false;
  return {
    story,
    batches,
    isOwned,
    assignedAtMs: () => assignedAtMs,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
      await consumers[Symbol.asyncDispose]();
    },
  };
}
