import { expect } from 'chai';
import kafkajs from 'kafkajs';
import { type KafkaAdmin, openKafkaAdmin } from '../../../src/kafka/kafka-admin.ts';
import { LogCluster } from '../../../src/kafka/log-cluster.ts';
import { NotSetUpError } from '../../../src/model/errors.ts';
import { Topic } from '../../../src/model/position.ts';
import { failureOf } from '../../contract/action-log.fixture.ts';
import { deleteTopic, kafkaSettings, plainKafka, quietDeps } from './kafka-fixture.ts';

describe('Kafka admin', function () {
  this.timeout(30_000);
  let admin: KafkaAdmin;
  before(async () => {
    admin = await openKafkaAdmin(kafkaSettings(), quietDeps);
  });
  after(() => admin[Symbol.asyncDispose]());

  let number = 0;
  const newName = (): Topic => Topic.of(`admin-${Date.now()}-${number++}`);
  const settings = {
    autoCreate: true,
    partitions: 3,
    replicationFactor: 1,
    retentionMs: 3_600_000,
  };

  it('creates a missing topic as the settings say, and leaves an existing one as it is', async () => {
    const topic = newName();
    expect(await admin.ensureTopic(topic, settings)).to.equal(true);
    expect(await admin.partitions(topic)).to.equal(3);
    expect(await retentionOf(topic)).to.equal('3600000');
    expect(await admin.topics()).to.include(topic);
    expect(await admin.ensureTopic(topic, { ...settings, partitions: 7 })).to.equal(false);
    expect(await admin.partitions(topic)).to.equal(3);
    await deleteTopic(topic);
  });

  it('leaves the retention to the broker when none is set', async () => {
    const topic = newName();
    await admin.ensureTopic(topic, { ...settings, retentionMs: undefined });
    expect(await retentionOf(topic)).to.equal('604800000');
    await deleteTopic(topic);
  });

  it('returns when the leaders serve what was created', async () => {
    await using cluster = await LogCluster.open(kafkaSettings(), quietDeps, { retries: 0 });
    for (let round = 0; round < 3; round++) {
      const topic = newName();
      await admin.ensureTopic(topic, { ...settings, partitions: 40 });
      const asked = (await cluster.partitionsOf(topic)).map((partition) =>
        cluster.endOffset(topic, partition),
      );
      expect(await Promise.all(asked)).to.deep.equal(Array.from({ length: 40 }, () => 0));
      await deleteTopic(topic);
    }
  });

  it('says once that it created the topic when two do so at a time', async () => {
    const topic = newName();
    const created = await Promise.all([
      admin.ensureTopic(topic, settings),
      admin.ensureTopic(topic, settings),
    ]);
    expect(created.filter(Boolean)).to.have.length(1);
    await deleteTopic(topic);
  });

  it('only looks when it may not create, and names what is missing', async () => {
    const topic = newName();
    const failure = await failureOf(admin.ensureTopic(topic, { ...settings, autoCreate: false }));
    expect(failure).to.be.instanceOf(NotSetUpError);
    expect((failure as Error).message)
      .to.include(topic)
      .and.include('kafka-journal setup');
    expect(await failureOf(admin.partitions(topic))).to.be.instanceOf(NotSetUpError);
    expect(await admin.topics()).to.not.include(topic);
  });

  it('says why the broker did not create it', async () => {
    const failure = await failureOf(
      admin.ensureTopic(newName(), { ...settings, replicationFactor: 99 }),
    );
    expect(failure).to.be.instanceOf(NotSetUpError);
    expect((failure as Error).message).to.match(/replication/i);
  });
});

async function retentionOf(topic: string): Promise<string | undefined> {
  const operator = plainKafka().admin();
  await operator.connect();
  const type = kafkajs.ConfigResourceTypes.TOPIC;
  const { resources } = await operator.describeConfigs({
    resources: [{ type, name: topic }],
    includeSynonyms: false,
  });
  await operator.disconnect();
  return resources[0]?.configEntries.find(({ configName }) => configName === 'retention.ms')
    ?.configValue;
}
