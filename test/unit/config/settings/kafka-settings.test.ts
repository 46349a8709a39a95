import { expect } from 'chai';
import { readKafkaJournalSettings } from '../../../../src/config/settings/journal-settings.ts';
import type { KafkaSettings } from '../../../../src/config/settings/kafka-settings.ts';
import { journal, load, messages, problemsOf, root } from '../loading.ts';

async function kafkaOf(text: string): Promise<KafkaSettings> {
  return readKafkaJournalSettings(await load(`${journal}.kafka { ${text} }`)).kafka;
}

describe('settings of Kafka', () => {
  it('are read in the spelling of Kafka too, where the hyphenated one wins unless it is a default', async () => {
    const kafka = await kafkaOf(
      'request.timeout.ms = 5000, producer.delivery.timeout.ms = 9000, consumer { max.poll.records = 7, group-id = a, group.id = b }',
    );
    expect(kafka.requestTimeoutMs).to.equal(5_000);
    expect(kafka.producer.deliveryTimeoutMs).to.equal(9_000);
    expect(kafka.consumer).to.include({ maxPollRecords: 7, groupId: 'a' });
  });

  it('raise acks of 0 to 1 with a note', async () => {
    const config = await load(`${journal}.kafka.producer.acks = 0`);
    expect(readKafkaJournalSettings(config).kafka.producer.acks).to.equal(1);
    const why = config.notes.get(`${journal}.kafka.producer.acks`)?.why;
    expect(why).to.contain('raised to 1');
  });

  it('take shared keys from producer and consumer where both agree', async () => {
    const agreeing =
      'producer.bootstrap-servers = "a:1,b:2", consumer.bootstrap-servers = ["a:1", "b:2"]';
    expect((await kafkaOf(agreeing)).bootstrapServers).to.deep.equal(['a:1', 'b:2']);
    expect(await messages(`${journal}.kafka.producer.bootstrap-servers = "a:1"`)).to.have.lengthOf(
      1,
    );
  });

  it('refuse addresses without a port that a server can have', async () => {
    expect(await messages(`${journal}.kafka.bootstrap-servers = [localhost]`)).to.deep.equal([
      'kafka.bootstrap-servers must be a list, each item host:port, not ["localhost"]',
    ]);
    for (const port of [0, 65_536, 99_999]) {
      const [found] = await messages(`${journal}.kafka.bootstrap-servers = "a:9092, b:${port}"`);
      expect(found).to.match(/bootstrap-servers must be a list, each item host:port, not "a:9092/);
    }
    const ports = 'bootstrap-servers = "a:1, b:65535"';
    expect((await kafkaOf(ports)).bootstrapServers).to.deep.equal(['a:1', 'b:65535']);
  });

  it('read SASL from a JAAS entry or an object, and never show the password', async () => {
    const entry =
      '"""org.apache.kafka.common.security.scram.ScramLoginModule required username="u" password="p\\"q;";"""';
    expect(
      (
        await kafkaOf(
          `security-protocol = SASL_PLAINTEXT, sasl-mechanism = SCRAM-SHA-512, sasl-jaas-config = ${entry}`,
        )
      ).sasl,
    ).to.deep.equal({ mechanism: 'scram-sha-512', username: 'u', password: 'p"q;' });
    expect(
      (
        await kafkaOf(
          'security.protocol = SASL_SSL, sasl.mechanism = PLAIN, sasl.jaas.config { username = u, password = p }',
        )
      ).sasl,
    ).to.deep.equal({ mechanism: 'plain', username: 'u', password: 'p' });
    const wrong = await problemsOf(
      `${journal}.kafka { security-protocol = SASL_SSL, sasl-mechanism = PLAIN, sasl-jaas-config = "Krb5LoginModule secret" }`,
    );
    expect(wrong).to.have.lengthOf(1);
    expect(wrong.map(({ message }) => message).join()).not.to.contain('Krb5');
  });

  it('read certificates in PEM, and refuse the stores of Java', async () => {
    const pem = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----';
    expect(
      (await kafkaOf(`security-protocol = SSL, ssl-truststore-certificates = """${pem}\n${pem}"""`))
        .tls,
    ).to.deep.equal({ ca: [pem, pem] });
    expect((await kafkaOf('security-protocol = SSL')).tls).to.deep.equal({ ca: [] });
    expect(
      await messages(
        `${journal}.kafka { security-protocol = SSL, ssl-truststore-type = JKS, ssl-keystore-location = x }`,
      ),
    ).to.have.lengthOf(2);
  });

  it('note a user and certificates that do not count: nothing is secured by them', async () => {
    const config = await load(`${root} {
      kafka { sasl.mechanism = PLAIN, sasl-jaas-config { username = u, password = p }, ssl-truststore-location = x }
      cassandra.client.ssl-truststore-location = x, postgres.ssl-truststore-certificates = x
    }`);
    readKafkaJournalSettings(config);
    const notes = [...config.notes.values()].map(({ path, why }) => [path.split('.').at(-1), why]);
    const [user, tls] = ['SASL_PLAINTEXT or SASL_SSL', 'SSL or SASL_SSL'];
    expect(notes.map((note) => note.join(' '))).to.have.members([
      `mechanism counts only with security-protocol = ${user}`,
      `sasl-jaas-config counts only with security-protocol = ${user}`,
      `ssl-truststore-location counts only with security-protocol = ${tls}`,
      'ssl-truststore-location counts only with client.ssl = on',
      'ssl-truststore-certificates counts only with ssl = on',
    ]);
  });

  it('let a topic be kept for ever', async () => {
    expect(
      (await kafkaOf('topic { retention = forever, partitions = 3, replication-factor = 3 }'))
        .topic,
    ).to.deep.equal({ autoCreate: false, partitions: 3, replicationFactor: 3, retentionMs: -1 });
    expect((await kafkaOf('topic.retention = 7 days')).topic.retentionMs).to.equal(604_800_000);
    expect(await messages(`${journal}.kafka.topic.partitions = 0`)).to.have.lengthOf(1);
  });
});
