import { expect } from 'chai';
import fc from 'fast-check';
import type { KafkaSettings } from '../../../src/config/settings/kafka-settings.ts';
import { openKafkaTopicConsumers } from '../../../src/kafka/group/kafka-topic-consumers.ts';
import { openKafkaAdmin } from '../../../src/kafka/kafka-admin.ts';
import { openKafkaActionProducer } from '../../../src/kafka/producer/kafka-action-producer.ts';
import { openKafkaActionConsumer } from '../../../src/kafka/reader/kafka-action-consumer.ts';
import { JournalError, WriteFailedError } from '../../../src/model/errors.ts';
import { Partition, Topic } from '../../../src/model/position.ts';
import { silentLogger } from '../../../src/observability/logger.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { appendOf, keyOf, readAll } from '../../contract/action-log.fixture.ts';
import { type Distorted, FakeKafka, frameOf } from '../../support/fake-kafka.ts';
import { fakeKafkaSettings } from '../../support/kafka/kafka-settings.ts';
import { seed } from '../codec/seed.ts';

const deps = { log: silentLogger, clock: systemClock };
const topic = Topic.of('t');
const limitMs = 300;
/** Far above all deadlines of one call, on a machine that is busy. */
const boundMs = 15_000;
const runs = 60;
const produceKind = 0;

/** Kinds of requests: those of producers, readers, operators and members of groups. */
const kinds = {
  producer: [18, 3, 22, produceKind],
  reader: [18, 3, 2, 1],
  admin: [18, 3, 19],
  member: [18, 3, 10, 11, 14, 12, 9, 2, 1],
} as const;
type Client = keyof typeof kinds;

const bytes = (maxLength: number) =>
  fc.uint8Array({ maxLength }).map((values) => Buffer.from(values));

/** What becomes of an answer. */
const distortion = fc.oneof(
  fc.record({ type: fc.constant('stream' as const), bytes: bytes(40) }),
  fc.record({ type: fc.constant('body' as const), bytes: bytes(120) }),
  fc.record({
    type: fc.constant('flip' as const),
    at: fc.nat(),
    by: fc.integer({ min: 1, max: 255 }),
  }),
  fc.record({ type: fc.constant('cut' as const), at: fc.nat() }),
  fc.record({ type: fc.constant('number' as const), at: fc.nat(), value: fc.integer() }),
);
type Distortion = typeof distortion extends fc.Arbitrary<infer T> ? T : never;

const history = fc.record({
  client: fc.constantFrom<Client[]>('producer', 'reader', 'admin', 'member'),
  kind: fc.nat(),
  /** By answer, one after another; then the broker is as it should be. */
  distortions: fc.array(distortion, { minLength: 1, maxLength: 4 }),
});

function distorted(answer: Distorted, how: Distortion): Buffer {
  const { correlationId, body = Buffer.alloc(40) } = answer;
  if (how.type === 'stream') return how.bytes;
  if (how.type === 'body') return frameOf(correlationId, how.bytes);
  const changed = Buffer.from(body);
  const at = how.at % Math.max(1, changed.length);
  if (how.type === 'cut') return frameOf(correlationId, changed.subarray(0, at));
  if (how.type === 'flip') changed[at] = (changed[at] ?? 0) ^ how.by;
  else if (at + 4 <= changed.length) changed.writeInt32BE(how.value, at);
  return frameOf(correlationId, changed);
}

/** What each client does; the outcome is of no interest, only that it is one. */
const uses: Readonly<Record<Client, (settings: KafkaSettings) => Promise<unknown>>> = {
  producer: async (settings) => {
    await using producer = await openKafkaActionProducer(settings, deps);
    return await producer.produce(appendOf(keyOf(topic, 'a'), 1));
  },
  reader: async (settings) => {
    await using reader = await openKafkaActionConsumer(settings, deps);
    const to = await reader.endOffset(topic, Partition.of(0));
    return await readAll(reader, {
      key: keyOf(topic, 'a'),
      partition: Partition.of(0),
      from: 0,
      to: Math.min(to, 3),
    });
  },
  admin: async (settings) => {
    await using admin = await openKafkaAdmin(settings, deps);
    await admin.topics();
    return await admin.ensureTopic(Topic.of('new'), settings.topic);
  },
  member: async (settings) => {
    await using consumers = await openKafkaTopicConsumers(settings, deps);
    await using consumer = await consumers.open(topic);
    const stop = AbortSignal.timeout(limitMs);
    return await consumer.run(
      {
        assigned: async () => undefined,
        records: async () => undefined,
        revoked: async () => undefined,
        lost: async () => undefined,
      },
      { signal: stop },
    );
  },
};

describe(`property: answers of Kafka that are none (seed ${seed})`, function () {
  this.timeout(600_000);

  it('end in success or in a typed error, in time, and never end the process', async () => {
    await fc.assert(
      fc.asyncProperty(history, async ({ client, kind, distortions }) => {
        await using fake = await FakeKafka.open();
        const wanted = kinds[client][kind % kinds[client].length];
        let next = 0;
        let distortedProduces = 0;
        fake.distort = (answer) => {
          if (answer.kind !== wanted) return undefined;
          const how = distortions[next++];
          if (how === undefined) return undefined;
          if (answer.kind === produceKind) distortedProduces++;
          return distorted(answer, how);
        };
        const settings = {
          ...fakeKafkaSettings(fake.address, { deliveryTimeoutMs: limitMs }),
          requestTimeoutMs: limitMs,
          connectionTimeoutMs: limitMs,
        };
        const startedMs = Date.now();
        const result = await uses[client](settings).catch((error: unknown) => error);
        expect(Date.now() - startedMs).to.be.below(boundMs);
        if (!(result instanceof Error)) return;
        if ((result as Error).name === 'TimeoutError') return;
        expect(result).to.be.instanceOf(JournalError);
        const isStored = fake.log.of(topic, 0).length > 0;
        if (isStored && distortedProduces > 0) expect(result).to.be.instanceOf(WriteFailedError);
      }),
      { numRuns: runs, seed },
    );
  });
});
