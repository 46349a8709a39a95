import { expect } from 'chai';
import { openKafkaActionConsumer } from '../../../src/kafka/reader/kafka-action-consumer.ts';
import { Topic } from '../../../src/model/position.ts';
import { silentLogger } from '../../../src/observability/logger.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { FakeKafka } from '../../support/fake-kafka.ts';
import { fakeKafkaSettings } from '../../support/kafka/kafka-settings.ts';

const topic = Topic.of('t');
const metadata = 3;

describe('A topic that a broker does not know for a moment', () => {
  it('has the partitions that it had, and not 0, which would mean that keys have moved', async () => {
    await using kafka = await FakeKafka.open();
    kafka.partitions = 3;
    const deps = { log: silentLogger, clock: systemClock };
    await using consumer = await openKafkaActionConsumer(fakeKafkaSettings(kafka.address), deps);
    expect(await consumer.partitionCount(topic)).to.equal(3);
    kafka.missing.add(topic);
    let answers = 0;
    kafka.distort = ({ kind }) => {
      if (kind === metadata && ++answers === 4) kafka.missing.delete(topic);
      return undefined;
    };
    expect(await consumer.partitionCount(topic)).to.equal(3);
    expect(answers).to.be.at.least(4);
  });
});
