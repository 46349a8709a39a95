import { expect } from 'chai';
import type { KafkaSettings } from '../../../../src/config/settings/kafka-settings.ts';
import type { SendSession } from '../../../../src/kafka/driver/idempotent-producer.ts';
import { protocolError } from '../../../../src/kafka/driver/kafkajs.ts';
import { MovedRecordsError } from '../../../../src/kafka/driver/moved-records.ts';
import type { TopicRecords } from '../../../../src/kafka/driver/wire/outgoing-record.ts';
import type { SendAnswer } from '../../../../src/kafka/driver/wire/produce.ts';
import {
  KafkaActionProducer,
  type ProducerLimits,
} from '../../../../src/kafka/producer/kafka-action-producer.ts';
import { ProducerSessions } from '../../../../src/kafka/producer/producer-sessions.ts';
import {
  AccessDeniedError,
  LogUnavailableError,
  WriteFailedError,
  WriteRejectedError,
} from '../../../../src/model/errors.ts';
import { Partition, Topic } from '../../../../src/model/position.ts';
import { silentLogger } from '../../../../src/observability/logger.ts';
import { systemClock } from '../../../../src/runtime/clock.ts';
import { appendOf, failureOf, keyOf, markOf } from '../../../contract/action-log.fixture.ts';

const deps = { log: silentLogger, clock: systemClock };
const [topicA, topicB] = [Topic.of('a'), Topic.of('b')];

/** A broker in memory with one partition a topic; each send waits until it is let go. */
class FakeSession implements SendSession {
  readonly sends: {
    readonly batch: readonly TopicRecords[];
    /** @param errors Kafka's error code by topic; the records of the others are stored */
    answer(errors?: Readonly<Record<string, number>>): void;
    fail(error: Error): void;
  }[] = [];
  lastError: Error | undefined;
  readonly ends = new Map<string, number>();
  inFlight = 0;
  mostInFlight = 0;
  destroyed = 0;
  settleMs = 0;
  withoutOffset = false;

  async learnTopic(): Promise<void> {}

  send(batch: readonly TopicRecords[]): Promise<readonly SendAnswer[]> {
    this.inFlight += 1;
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
    return new Promise<readonly SendAnswer[]>((resolve, reject) => {
      const done = () => {
        this.inFlight -= 1;
      };
      const answer = (errors: Readonly<Record<string, number>> = {}) => {
        done();
        resolve(batch.map((topic) => this.#store(topic, errors[topic.topic])));
      };
      const fail = (error: Error) => {
        done();
        reject(error);
      };
      this.sends.push({ batch, answer, fail });
    });
  }

  #store({ topic, messages }: TopicRecords, errorCode?: number): SendAnswer {
    for (const message of messages) message.partition = 0;
    if (errorCode !== undefined) {
      const error = protocolError(errorCode);
      return { topicName: topic, partition: 0, error, isDoubtful: ![10, 29].includes(errorCode) };
    }
    const base = this.ends.get(topic) ?? 0;
    this.ends.set(topic, base + messages.length);
    const answer = { topicName: topic, partition: 0 };
    return this.withoutOffset ? answer : { ...answer, baseOffset: String(base) };
  }

  async destroy(): Promise<void> {
    this.destroyed += 1;
    await systemClock.sleep(this.settleMs);
  }

  /** Records of the send number `i`, by topic. */
  sizes(i: number): [string, number][] {
    return (this.sends[i]?.batch ?? []).map(({ topic, messages }) => [topic, messages.length]);
  }
}

const settings = {
  bootstrapServers: ['b:9092'],
  producer: { deliveryTimeoutMs: 10_000, maxRequestSizeBytes: 10_000 },
} as unknown as KafkaSettings;

describe('KafkaActionProducer', () => {
  let session: FakeSession;
  let opened: number;

  function producerOf(
    changes: {
      limits?: Partial<ProducerLimits>;
      deliveryTimeoutMs?: number;
      open?: () => Promise<SendSession>;
    } = {},
  ): KafkaActionProducer {
    const { deliveryTimeoutMs = 10_000 } = changes;
    const open = changes.open ?? (async () => session);
    const sessions = new ProducerSessions(() => {
      opened += 1;
      return open();
    }, deps);
    const limits = { closeMs: 200, ...changes.limits };
    return new KafkaActionProducer(
      { ...settings, producer: { ...settings.producer, deliveryTimeoutMs } },
      deps,
      sessions,
      limits,
    );
  }

  const produce = (producer: KafkaActionProducer, topic: Topic, count: number) =>
    Array.from({ length: count }, (_, i) => producer.produce(appendOf(keyOf(topic, 'id'), i + 1)));

  async function sent(count: number): Promise<void> {
    const end = Date.now() + 5_000;
    while (session.sends.length < count) {
      if (Date.now() > end) throw new Error(`send ${count} did not come`);
      await systemClock.sleep(1);
    }
  }

  /** Makes both topics proven, by one record each. */
  async function warm(producer: KafkaActionProducer): Promise<void> {
    for (const topic of [topicA, topicB]) {
      const [call] = produce(producer, topic, 1);
      await sent(session.sends.length + 1);
      session.sends.at(-1)?.answer();
      await call;
    }
    session.sends.length = 0;
  }

  beforeEach(() => {
    session = new FakeSession();
    opened = 0;
  });

  it('has one send in flight; what arrives meanwhile goes out together in the next one, in order', async () => {
    const producer = producerOf();
    await warm(producer);
    const calls = produce(producer, topicA, 3);
    await sent(1);
    calls.push(...produce(producer, topicA, 20), ...produce(producer, topicB, 2));
    await systemClock.sleep(20);
    expect(session.sends).to.have.length(1);
    session.sends[0]?.answer();
    await sent(2);
    expect([session.sizes(0), session.sizes(1)]).to.deep.equal([
      [['a', 3]],
      [
        ['a', 20],
        ['b', 2],
      ],
    ]);
    session.sends[1]?.answer();
    const offsets = (await Promise.all(calls)).map(({ offset }) => offset);
    expect(offsets.slice(0, 23)).to.deep.equal(Array.from({ length: 23 }, (_, i) => i + 1));
    expect(offsets.slice(23)).to.deep.equal([1, 2]);
    expect(session.mostInFlight).to.equal(1);
  });

  it('waits for the end of a turn of the event loop only while few records wait', async () => {
    const producer = producerOf();
    await warm(producer);
    const sendsInTheTurnOf = async (waiting: number): Promise<number> => {
      const calls = produce(producer, topicA, 1);
      await sent(1);
      calls.push(...produce(producer, topicB, waiting));
      session.sends.shift()?.answer();
      for (let hop = 0; hop < 100; hop++) await Promise.resolve();
      const inTheTurn = session.sends.length;
      while (calls.length > 0) {
        await Promise.race([calls.shift(), sent(1)]);
        session.sends.shift()?.answer();
      }
      return inTheTurn;
    };
    expect(await sendsInTheTurnOf(63)).to.equal(0);
    expect(await sendsInTheTurnOf(64)).to.equal(1);
  });

  it('keeps a send within its limits of records and bytes', async () => {
    const producer = producerOf({ limits: { sendRecords: 5 } });
    await warm(producer);
    const calls = produce(producer, topicA, 7);
    const large = { ...appendOf(keyOf(topicA), 1), value: Buffer.alloc(6_000) };
    calls.push(producer.produce(large as never), producer.produce(large as never));
    for (let i = 0; i < 3; i++) {
      await sent(i + 1);
      session.sends[i]?.answer();
    }
    await Promise.all(calls);
    expect([0, 1, 2].map((i) => session.sizes(i))).to.deep.equal([
      [['a', 5]],
      [['a', 3]],
      [['a', 1]],
    ]);
  });

  it('sends the first records of a topic alone, so that a missing right fails nobody else', async () => {
    const producer = producerOf();
    const [denied, granted] = [produce(producer, topicA, 2), produce(producer, topicB, 2)];
    await sent(1);
    expect(session.sizes(0)).to.deep.equal([['a', 2]]);
    session.sends[0]?.answer({ a: 29 });
    for (const call of denied) expect(await failureOf(call)).to.be.instanceOf(AccessDeniedError);
    await sent(2);
    session.sends[1]?.answer();
    expect((await Promise.all(granted)).map(({ offset }) => offset)).to.deep.equal([0, 1]);
  });

  it('names the topic also when the user may not write to any: no session opens then', async () => {
    let granted = true;
    const open = async () => {
      if (granted) return session;
      throw protocolError(31);
    };
    const producer = producerOf({ open });
    await warm(producer);
    const [inFlight] = produce(producer, topicA, 1);
    await sent(1);
    const [queued] = produce(producer, topicA, 1);
    granted = false;
    session.sends[0]?.fail(protocolError(29));
    const failures = [await failureOf(inFlight!), await failureOf(queued!)];
    failures.push(await failureOf(produce(producer, topicA, 1)[0]!));
    for (const failure of failures) {
      expect(failure).to.be.instanceOf(AccessDeniedError);
      expect((failure as Error).message).to.include('WRITE on topic a');
    }
  });

  it('discards the session when it is not known what is stored: nothing of it may land any more', async () => {
    const producer = producerOf();
    await warm(producer);
    const calls = [...produce(producer, topicA, 1), ...produce(producer, topicB, 1)];
    await sent(1);
    session.sends[0]?.fail(new Error('whatever the driver met'));
    for (const call of calls) expect(await failureOf(call)).to.be.instanceOf(WriteFailedError);
    expect([session.destroyed, opened]).to.deep.equal([1, 1]);
    const [next] = produce(producer, topicA, 1);
    await sent(2);
    session.sends[1]?.answer();
    await next;
    expect(opened).to.equal(2);
  });

  it('answers for a record that has moved to another partition, and for no other', async () => {
    const producer = producerOf();
    await warm(producer);
    const here = { partition: Partition.of(0) };
    const moved = producer.produce(markOf(keyOf(topicA, 'foobar')), here);
    const rest = produce(producer, topicB, 2);
    await sent(1);
    // docs/format.md#partition: of twelve partitions, `foobar` belongs into 6.
    session.sends[0]?.fail(new MovedRecordsError('a', 12));
    const error = await failureOf(moved);
    expect(error).to.be.instanceOf(WriteRejectedError);
    expect((error as Error).message).to.match(/topic a was not sent, and is not stored/);
    await sent(2);
    expect(session.sizes(1)).to.deep.equal([['b', 2]]);
    session.sends[1]?.answer();
    expect((await Promise.all(rest)).map(({ offset }) => offset)).to.deep.equal([1, 2]);
    expect(session.destroyed).to.equal(0);
  });

  it('does not say that a record is not stored that was sent before it moved', async () => {
    const producer = producerOf();
    await warm(producer);
    const moved = producer.produce(markOf(keyOf(topicA, 'foobar')));
    await sent(1);
    const notLeader = 6;
    session.sends[0]?.answer({ a: notLeader });
    await sent(2);
    session.sends[1]?.fail(new MovedRecordsError('a', 12));
    expect(await failureOf(moved)).to.be.instanceOf(WriteFailedError);
    expect(session.destroyed).to.equal(1);
  });

  it('tells the callers at the write deadline, after the session has settled', async () => {
    const producer = producerOf({ deliveryTimeoutMs: 300 });
    session.settleMs = 150;
    const startedMs = Date.now();
    const [call] = produce(producer, topicA, 1);
    const failure = await failureOf(call as Promise<unknown>);
    expect(failure).to.be.instanceOf(WriteFailedError);
    expect((failure as Error).message).to.include('may or may not be stored');
    expect(Date.now() - startedMs).to.be.within(430, 2_000);
    expect(session.destroyed).to.equal(1);
  });

  it('says that a record was not sent when Kafka took nothing until its deadline', async () => {
    const open = async (): Promise<SendSession> => {
      throw new LogUnavailableError('no broker');
    };
    const producer = producerOf({ deliveryTimeoutMs: 300, open });
    const failures = await Promise.all(produce(producer, topicA, 3).map(failureOf));
    for (const failure of failures) {
      expect(failure).to.be.instanceOf(WriteFailedError);
      expect((failure as Error).message).to.include('not sent');
    }
  });

  it('takes an answer without an offset for a failed write', async () => {
    const producer = producerOf();
    session.withoutOffset = true;
    const [call] = produce(producer, topicA, 1);
    await sent(1);
    session.sends[0]?.answer();
    expect(await failureOf(call as Promise<unknown>)).to.be.instanceOf(WriteFailedError);
    expect(session.destroyed).to.equal(1);
  });

  it('refuses what finds no room, and what is larger than a request', async () => {
    const producer = producerOf({ limits: { queueRecords: 2 } });
    await warm(producer);
    const calls = produce(producer, topicA, 2);
    await sent(1);
    calls.push(...produce(producer, topicA, 2));
    expect(await failureOf(produce(producer, topicA, 1)[0] as Promise<unknown>)).to.be.instanceOf(
      WriteRejectedError,
    );
    const large = { ...appendOf(keyOf(topicA), 1), value: Buffer.alloc(10_000) };
    expect(await failureOf(producer.produce(large as never))).to.be.instanceOf(WriteRejectedError);
    session.sends[0]?.answer();
    await sent(2);
    session.sends[1]?.answer();
    await Promise.all(calls);
  });

  it('refuses the next events of a journal with one that is too large, and nothing of others', async () => {
    const producer = producerOf();
    await warm(producer);
    const key = keyOf(topicA, 'id');
    const large = { ...appendOf(key, 2), value: Buffer.alloc(10_000) };
    const calls = [
      producer.produce(appendOf(key, 1)),
      producer.produce(large as never).catch((error: unknown) => error),
      producer.produce(appendOf(key, 3)).catch((error: unknown) => error),
      producer.produce(markOf(key)),
      producer.produce(appendOf(keyOf(topicA, 'other'), 1)),
    ];
    await sent(1);
    expect(session.sizes(0)).to.deep.equal([['a', 3]]);
    session.sends[0]?.answer();
    const [, refused, after] = await Promise.all(calls);
    expect(refused).to.be.instanceOf(WriteRejectedError);
    expect((refused as Error).message).to.include('more than 10000');
    expect(after).to.be.instanceOf(WriteRejectedError).with.property('cause', refused);
    // It is called for in the knowledge of the refusal.
    const corrected = producer.produce(appendOf(key, 2));
    await sent(2);
    session.sends[1]?.answer();
    await corrected;
  });

  it('says what a send under way has met, not what went wrong before it', async () => {
    const producer = producerOf();
    session.lastError = new Error('yesterday');
    const [call] = produce(producer, topicA, 1);
    await sent(1);
    expect(producer.trouble).to.equal(undefined);
    session.lastError = new Error('connect ECONNREFUSED');
    expect(producer.trouble).to.be.instanceOf(LogUnavailableError);
    expect(producer.trouble?.message).to.contain('b:9092').and.contain('ECONNREFUSED');
    session.sends[0]?.answer();
    await call;
    expect(producer.trouble).to.equal(undefined);
  });

  it('says why it cannot connect, as long as records wait for that', async () => {
    let isDown = true;
    const open = async (): Promise<SendSession> => {
      if (isDown) throw protocolError(5); // LEADER_NOT_AVAILABLE
      return session;
    };
    const producer = producerOf({ open });
    const [call] = produce(producer, topicA, 1);
    while (producer.trouble === undefined) await systemClock.sleep(1);
    expect(producer.trouble).to.include({ code: 'LOG_UNAVAILABLE' });
    isDown = false;
    await sent(1);
    expect(producer.trouble).to.equal(undefined);
    session.sends[0]?.answer();
    await call;
  });

  it('is closed after what it accepted is out, and within its bound when Kafka hangs', async () => {
    const producer = producerOf({ deliveryTimeoutMs: 500 });
    const [call] = produce(producer, topicA, 1);
    await sent(1);
    const startedMs = Date.now();
    const [failure] = await Promise.all([
      failureOf(call as Promise<unknown>),
      producer[Symbol.asyncDispose](),
    ]);
    expect(failure).to.be.instanceOf(WriteFailedError);
    expect(Date.now() - startedMs).to.be.below(2_000);
    const late = produce(producer, topicA, 1)[0] as Promise<unknown>;
    expect(await failureOf(late)).to.be.instanceOf(WriteRejectedError);
  });
});
