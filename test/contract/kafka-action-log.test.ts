import kafkajs from 'kafkajs';
import { openKafkaTopicConsumers } from '../../src/kafka/group/kafka-topic-consumers.ts';
import { openKafkaAdmin } from '../../src/kafka/kafka-admin.ts';
import { openKafkaActionProducer } from '../../src/kafka/producer/kafka-action-producer.ts';
import { openKafkaActionConsumer } from '../../src/kafka/reader/kafka-action-consumer.ts';
import { Offset } from '../../src/model/position.ts';
import {
  createTopic,
  deleteBefore,
  kafkaSettings,
  plainKafka,
  quietDeps,
} from '../integration/kafka/kafka-fixture.ts';
import { actionLogContract } from './action-log.contract.ts';
import type { ActionLogUnderTest } from './action-log.fixture.ts';

actionLogContract('Kafka', openKafkaLog);

async function openKafkaLog(): Promise<ActionLogUnderTest> {
  const settings = kafkaSettings();
  const admin = await openKafkaAdmin(settings, quietDeps);
  const producer = await openKafkaActionProducer(settings, quietDeps);
  const consumer = await openKafkaActionConsumer(settings, quietDeps);
  const topicConsumers = await openKafkaTopicConsumers(settings, quietDeps);
  const foreign = plainKafka().producer({
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  });
  await foreign.connect();
  return {
    producer,
    consumer,
    topicConsumers,
    createTopic: (name, partitions) => createTopic(admin, name, partitions),
    deleteBefore,
    async produceForeign(topic, partition, { key, value, headers }) {
      const message = {
        partition,
        key: key && Buffer.from(key),
        value: value && Buffer.from(value),
        headers: Object.fromEntries(
          Object.entries(headers).map(([name, bytes]) => [name, Buffer.from(bytes)]),
        ),
      };
      const [answer] = await foreign.send({ topic, messages: [message] });
      return Offset.of(Number(answer?.baseOffset));
    },
    async [Symbol.asyncDispose]() {
      for (const part of [topicConsumers, consumer, producer, admin])
        await part[Symbol.asyncDispose]();
      await foreign.disconnect();
    },
  };
}
