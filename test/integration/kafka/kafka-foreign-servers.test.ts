import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { expect } from 'chai';
import type { KafkaSettings } from '../../../src/config/settings/kafka-settings.ts';
import { openKafkaTopicConsumers } from '../../../src/kafka/group/kafka-topic-consumers.ts';
import { openKafkaAdmin } from '../../../src/kafka/kafka-admin.ts';
import { openKafkaActionProducer } from '../../../src/kafka/producer/kafka-action-producer.ts';
import { openKafkaActionConsumer } from '../../../src/kafka/reader/kafka-action-consumer.ts';
import { LogUnavailableError, WriteFailedError } from '../../../src/model/errors.ts';
import { Partition, Topic } from '../../../src/model/position.ts';
import { silentLogger } from '../../../src/observability/logger.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { appendOf, failureOf, keyOf } from '../../contract/action-log.fixture.ts';
import { FakeKafka } from '../../support/fake-kafka.ts';
import { foreignAnswers } from '../../support/kafka/foreign-bytes.ts';
import { fakeKafkaSettings } from '../../support/kafka/kafka-settings.ts';

const deps = { log: silentLogger, clock: systemClock };
const topic = Topic.of('t');
const [produce, apiVersions, metadata] = [0, 18, 3];
const limitMs = 400;

const endless: readonly string[] = ['one byte', 'a trickle that never ends', 'nothing'];

/** A server that answers one kind of request like no broker. */
interface ForeignCase {
  readonly kind: number;
  readonly name: string;
  readonly answer: (typeof foreignAnswers)[string];
}

/** All that opens connections. */
const clients = [
  openKafkaActionProducer,
  openKafkaActionConsumer,
  openKafkaAdmin,
  openKafkaTopicConsumers,
] as const;

describe('a server that is no Kafka broker', function () {
  this.timeout(20_000);
  let fake: FakeKafka;
  const settingsOf = (...servers: string[]): KafkaSettings => ({
    ...fakeKafkaSettings(fake.address, { deliveryTimeoutMs: limitMs }),
    bootstrapServers: servers.length === 0 ? [fake.address] : servers,
    requestTimeoutMs: limitMs,
    connectionTimeoutMs: limitMs,
  });
  beforeEach(async () => {
    fake = await FakeKafka.open();
  });
  afterEach(() => fake[Symbol.asyncDispose]());

  for (const [name, answer] of Object.entries(foreignAnswers)) {
    it(`ends no process: whoever gets ${name} fails with the address, in time`, async () => {
      fake.distort = (asked) => (asked.kind === apiVersions ? answer(asked) : undefined);
      const startedMs = Date.now();
      const failures = await Promise.all(
        clients.map((open) => failureOf(open(settingsOf(), deps))),
      );
      expect(Date.now() - startedMs).to.be.below(6_000);
      for (const failure of failures) {
        expect(failure).to.be.instanceOf(LogUnavailableError);
        expect((failure as Error).message).to.include(fake.address);
      }
    });
  }

  it('is named with what it sent and with what it may be', async () => {
    const seen: Record<string, string> = {};
    const names = ['five zero bytes', 'an answer of HTTP', 'a TLS alert', 'the end at once'];
    for (const name of [...names, 'an answer to another request']) {
      fake.distort = (asked) => foreignAnswers[name]?.(asked);
      const failure = await failureOf(openKafkaActionConsumer(settingsOf(), deps));
      expect(failure).to.be.instanceOf(LogUnavailableError);
      seen[name] = (failure as Error).message;
    }
    expect(seen['five zero bytes']).to.include('00 00 00 00 00').and.include('a Kafka listener');
    expect(seen['an answer of HTTP']).to.include('48 54 54 50').and.include('HTTP server');
    expect(seen['a TLS alert']).to.include('15 03 03').and.include('security-protocol');
    expect(seen['an answer to another request']).to.include('request 4711, which was never sent');
    expect(seen['the end at once']).to.include('closed the connection without an answer');
  });

  async function expectOtherServer({ kind, name, answer }: ForeignCase): Promise<void> {
    const what = `${name} to ${kind}`;
    await using useless = await FakeKafka.open();
    await using good = await FakeKafka.open();
    useless.distort = (asked) => (asked.kind === kind ? answer(asked) : undefined);
    const settings = { ...settingsOf(useless.address, good.address), requestTimeoutMs: 4_000 };
    const slow = { ...settings, producer: { ...settings.producer, deliveryTimeoutMs: 8_000 } };
    await using producer = await openKafkaActionProducer(slow, deps).catch((cause: unknown) => {
      throw new Error(what, { cause });
    });
    const at = await producer.produce(appendOf(keyOf(topic, name), 1));
    expect(at.partition, what).to.equal(0);
    // One of them begins with the useless server.
    for (let i = 0; i < 2; i++) {
      await using admin = await openKafkaAdmin(settings, deps);
      expect(await admin.partitions(topic), what).to.equal(1);
    }
  }

  it('is left for the other bootstrap servers, whatever it answers and to what', async () => {
    const cases = [apiVersions, metadata].flatMap((kind) =>
      Object.entries(foreignAnswers).map(([name, answer]) => ({ kind, name, answer })),
    );
    // A second answer that does not come takes all the time that opening has.
    const bounded = cases.filter(({ kind, name }) => kind !== metadata || !endless.includes(name));
    // Side by side, because each waits out the time-outs of its useless server.
    await Promise.all(bounded.map(expectOtherServer));
  }).timeout(240_000);

  for (const [name, answer] of Object.entries(foreignAnswers)) {
    it(`leaves a write in doubt when it answers ${name} to it: never "not stored"`, async () => {
      await using producer = await openKafkaActionProducer(settingsOf(), deps);
      await producer.produce(appendOf(keyOf(topic, 'first'), 1));
      fake.distort = (asked) => (asked.kind === produce ? answer(asked) : undefined);
      const failure = await failureOf(producer.produce(appendOf(keyOf(topic, 'a'), 1)));
      expect(failure).to.be.instanceOf(WriteFailedError);
      expect((failure as Error).message).to.include('may or may not be stored');
      fake.distort = () => undefined;
      await producer.produce(appendOf(keyOf(topic, 'b'), 1));
    });
  }

  it('is asked again over a new connection when one answer was not understood: stored once', async () => {
    const settings = settingsOf();
    const patient = { ...settings, producer: { ...settings.producer, deliveryTimeoutMs: 5_000 } };
    await using producer = await openKafkaActionProducer(patient, deps);
    let left = 1;
    fake.distort = ({ kind }) => (kind === produce && left-- > 0 ? Buffer.alloc(5) : undefined);
    expect((await producer.produce(appendOf(keyOf(topic, 'a'), 1))).offset).to.equal(0);
    expect(fake.log.of('t', 0)).to.have.length(1);
  });

  it('answers a read that waits with a typed error, and the same reader goes on later', async () => {
    await using reader = await openKafkaActionConsumer(settingsOf(), deps);
    fake.distort = ({ kind }) => (kind === 2 ? Buffer.from('HTTP/1.1 502 ...') : undefined);
    const failure = await failureOf(reader.endOffset(topic, Partition.of(0)));
    expect(failure).to.be.instanceOf(LogUnavailableError);
    expect((failure as Error).message).to.include('HTTP server');
  });

  it('with TLS says so to a client without, and the other way round', async () => {
    const opened: Server[] = [];
    const listen = async (server: Server): Promise<string> => {
      opened.push(server.listen(0, '127.0.0.1'));
      await once(server, 'listening');
      return `127.0.0.1:${(server.address() as AddressInfo).port}`;
    };
    try {
      const tls = await listen(createTlsServer({}).on('tlsClientError', () => undefined));
      const plain = await failureOf(openKafkaActionConsumer(settingsOf(tls), deps));
      expect((plain as Error).message)
        .to.include(tls)
        .and.include('its TLS that of security-protocol');
      const hangUp = await listen(
        createServer((socket) => socket.once('data', () => socket.end())),
      );
      const talk = await listen(
        createServer((socket) => socket.on('error', () => undefined).end('no TLS here')),
      );
      for (const address of [hangUp, talk]) {
        const settings = { ...settingsOf(address), tls: { ca: [] } as never };
        const failure = await failureOf(openKafkaActionConsumer(settings, deps));
        expect(failure).to.be.instanceOf(LogUnavailableError);
        expect((failure as Error).message)
          .to.include(address)
          .and.include('its TLS that of security-protocol');
      }
    } finally {
      for (const server of opened) server.close();
    }
  });
});
