import { expect } from 'chai';
import { LogCluster } from '../../../../src/kafka/log-cluster.ts';
import { openKafkaActionConsumer } from '../../../../src/kafka/reader/kafka-action-consumer.ts';
import { Key } from '../../../../src/model/key.ts';
import { Offset } from '../../../../src/model/position.ts';
import type { ActionConsumer } from '../../../../src/ports/action-consumer.ts';
import type { CallOptions } from '../../../../src/ports/call-options.ts';
import { deps, FakeBrokers, settings } from '../../../support/kafka/fake-log-cluster.ts';
import { settle } from '../../../support/replicator/manual-clock.ts';
import { partition0, topic } from '../../../support/replicator/records.ts';

type Call = (consumer: ActionConsumer, options: CallOptions) => Promise<unknown>;

const range = { key: Key.of(topic, 'a'), partition: partition0, from: Offset.min };
const calls: readonly (readonly [name: string, silent: Partial<LogCluster>, call: Call])[] = [
  [
    'the end of a partition',
    { endOffset: () => silence },
    (consumer, options) => consumer.endOffset(topic, partition0, options),
  ],
  [
    'the number of partitions',
    { partitionCount: () => silence },
    (consumer, options) => consumer.partitionCount(topic, options),
  ],
  [
    'the end of a partition of a new topic',
    { learnTopic: () => silence },
    (consumer, options) => consumer.endOffset(topic, partition0, options),
  ],
  [
    'the records of a new topic',
    { learnTopic: () => silence },
    (consumer, options) =>
      consumer
        .read({ ...range, to: Offset.of(1) }, options)
        [Symbol.asyncIterator]()
        .next(),
  ],
];

/** Kafka's clients find out after 10 s and more, three times in a row. */
const silence = new Promise<never>(() => {});

describe('A reader of Kafka whose brokers are silent', () => {
  const openReal = Object.getOwnPropertyDescriptor(LogCluster, 'open');

  afterEach(() => {
    if (openReal !== undefined) Object.defineProperty(LogCluster, 'open', openReal);
  });

  for (const [name, silent, call] of calls) {
    it(`waits no longer than its caller for ${name}`, async () => {
      const cluster = Object.assign(new FakeBrokers().cluster(), silent);
      LogCluster.open = async () => cluster;
      await using consumer = await openKafkaActionConsumer(settings, deps);
      const over = new AbortController();
      let end: unknown = 'waits';
      call(consumer, over).catch((error: unknown) => {
        end = error;
      });
      await settle();
      expect(end).to.equal('waits');
      const reason = new Error('its time is over');
      over.abort(reason);
      await settle();
      expect(end).to.equal(reason);
    });
  }
});
