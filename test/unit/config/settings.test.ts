import { readdirSync } from 'node:fs';
import { expect } from 'chai';
import type { Config } from '../../../src/config/config.ts';
import { journalClassOf } from '../../../src/config/journal-class.ts';
import {
  readEmbeddedJournalSettings,
  readKafkaJournalSettings,
} from '../../../src/config/journal-settings.ts';
import { loadConfig } from '../../../src/config/load-config.ts';
import { readPersistenceSettings } from '../../../src/config/persistence-settings.ts';
import { readTogether } from '../../../src/config/read-together.ts';
import { readReplicatorSettings } from '../../../src/config/replicator-settings.ts';
import { ConfigError } from '../../../src/model/errors.ts';

const root = 'evolutiongaming.kafka-journal';
const journal = `${root}.persistence.journal`;
const load = (text: string): Promise<Config> => loadConfig({ text, env: {} });
const kafkaOf = async (text: string) =>
  readKafkaJournalSettings(await load(`${journal}.kafka { ${text} }`)).kafka;
const cassandraOf = async (text: string) =>
  readKafkaJournalSettings(await load(`${journal}.cassandra { ${text} }`)).eventual.cassandra;

async function problemsOf(
  text: string,
  read: (config: Config) => unknown = readKafkaJournalSettings,
) {
  const config = await load(text);
  try {
    read(config);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  throw new Error('should have been refused');
}

const messages = async (text: string) =>
  (await problemsOf(text)).map(
    ({ path, message }) => `${path.replace(`${journal}.`, '')} ${message}`,
  );

describe('settings', () => {
  describe('of the Kafka journal', () => {
    it('have the defaults of the JVM system', async () => {
      const settings = readKafkaJournalSettings(await load(''));
      expect(settings.persistenceIdToKey).to.deep.equal({
        type: 'constant-topic',
        topic: 'journal',
      });
      expect(settings.callTimeThresholdsMs).to.deep.equal({
        append: 500,
        read: 5000,
        pointer: 1000,
        delete: 1000,
        purge: 1000,
        mark: 1000,
      });
      expect(settings.dataIntegrity).to.include({
        seqNrUniqueness: true,
        correlateEventsWithMeta: false,
      });
      expect(settings.kafka.producer).to.deep.equal({
        acks: -1,
        compression: 'lz4',
        deliveryTimeoutMs: 120_000,
        maxRequestSizeBytes: 1_048_576,
      });
      expect(settings.kafka.topic.autoCreate).to.equal(false);
      expect(settings.eventual.cassandra).to.include({ retries: 100, segmentSize: 10_000 });
      expect(settings.eventual.cassandra.schema.keyspace).to.deep.equal({
        name: 'journal',
        autoCreate: true,
        replication: { type: 'simple', factor: 1 },
      });
    });

    it('report all problems at once, each with path, file or line, value and what is allowed', async () => {
      expect(
        await messages(
          `${journal} { start-timeout = soon, kafka.producer.acks = 7, cassandra.segment-size = 1, persistence-id-to-key.impl = x }`,
        ),
      ).to.deep.equal([
        'persistence-id-to-key.impl must be one of constant-topic, split, not "x"',
        'start-timeout must be a duration such as 500ms, 10s or 2 minutes from 1 to 2147483647 ms, not "soon"',
        'kafka.producer.acks must be one of all, -1, 1, one, 0, none, not 7',
        'cassandra.segment-size must be an integer from 2 to 2147483647, not 1',
      ]);
      expect((await problemsOf(`\n${journal}.start-timeout = soon`))[0]).to.include({ line: 2 });
    });

    it('refuse unknown keys at every depth and name the nearest known one', async () => {
      expect(
        await messages(
          `${journal} { stop-timeuot = 1s, kafka.producer.aks = all, cassandra.client.query.consistncy = ONE, data-integrity.x = 1 }`,
        ),
      ).to.have.members([
        'kafka.producer.aks is not a known key; did you mean acks?',
        'cassandra.client.query.consistncy is not a known key; did you mean client.query.consistency?',
        'stop-timeuot is not a known key; did you mean stop-timeout?',
        'data-integrity.x is not a known key',
      ]);
    });

    it('refuse an illegal topic, and take the split of persistence ids', async () => {
      expect(
        await messages(`${journal}.persistence-id-to-key.constant-topic.topic = "a b"`),
      ).to.have.lengthOf(1);
      const config = await load(
        `${journal}.persistence-id-to-key { impl = split, constant-topic.topic = rest }`,
      );
      expect(readKafkaJournalSettings(config).persistenceIdToKey).to.deep.equal({
        type: 'split',
        separator: '-',
        fallback: { topic: 'rest' },
      });
    });

    it('start from the defaults, not from the first journal, in a section of another name', async () => {
      const config = await load(
        `${journal}.kafka.bootstrap-servers = ["a:1"], mine { class = "builtin#KafkaJournal", kafka.client-id = me }`,
      );
      const { kafka } = readKafkaJournalSettings(config, 'mine');
      expect(kafka).to.deep.include({ clientId: 'me', bootstrapServers: ['localhost:9092'] });
    });
  });

  describe('of Kafka', () => {
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
      expect([...config.notes].join()).to.contain('kafka.producer.acks: raised to 1');
    });

    it('take shared keys from producer and consumer where both agree', async () => {
      const agreeing =
        'producer.bootstrap-servers = "a:1,b:2", consumer.bootstrap-servers = ["a:1", "b:2"]';
      expect((await kafkaOf(agreeing)).bootstrapServers).to.deep.equal(['a:1', 'b:2']);
      expect(
        await messages(`${journal}.kafka.producer.bootstrap-servers = "a:1"`),
      ).to.have.lengthOf(1);
    });

    it('refuse addresses without a port', async () => {
      expect(await messages(`${journal}.kafka.bootstrap-servers = [localhost]`)).to.deep.equal([
        'kafka.bootstrap-servers must be a list, each item host:port, not ["localhost"]',
      ]);
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
        (
          await kafkaOf(
            `security-protocol = SSL, ssl-truststore-certificates = """${pem}\n${pem}"""`,
          )
        ).tls,
      ).to.deep.equal({ ca: [pem, pem] });
      expect((await kafkaOf('security-protocol = SSL')).tls).to.deep.equal({ ca: [] });
      expect(
        await messages(
          `${journal}.kafka { security-protocol = SSL, ssl-truststore-type = JKS, ssl-keystore-location = x }`,
        ),
      ).to.have.lengthOf(2);
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

  describe('of Cassandra', () => {
    it('read replication as an object only', async () => {
      const strategy = 'schema.keyspace.replication-strategy';
      const network = await cassandraOf(
        `${strategy} { replication-strategy = NetworkTopology, network-topology.replication-factors = ["a:3", "b:2"] }`,
      );
      expect(network.schema.keyspace.replication).to.deep.equal({
        type: 'network-topology',
        factors: { a: 3, b: 2 },
      });
      expect(await messages(`${journal}.cassandra.${strategy} = SimpleStrategy`)).to.have.lengthOf(
        1,
      );
    });

    it('read the login only whole', async () => {
      const { client } = await cassandraOf('client.authentication { username = u, password = p }');
      expect(client.authentication).to.deep.equal({ username: 'u', password: 'p' });
      expect(
        await messages(`${journal}.cassandra.client.authentication.username = u`),
      ).to.have.lengthOf(1);
    });

    it('refuse table names that are no plain identifiers', async () => {
      expect(
        await messages(`${journal}.cassandra.schema.journal-table = "j; DROP"`),
      ).to.have.lengthOf(1);
    });
  });

  describe('of the embedded journal', () => {
    it('have a file and few partitions', async () => {
      expect(readEmbeddedJournalSettings(await load(''))).to.include({
        file: 'journal.db',
        partitions: 4,
        segmentSize: 10_000,
      });
    });
  });

  describe('of the replicator', () => {
    it('have its own defaults, under what is set for both programs, under its own', async () => {
      const settings = readReplicatorSettings(
        await load(
          `${root} { kafka { bootstrap-servers = ["a:1"], consumer.session-timeout = 20s }, replicator.kafka.consumer.session-timeout = 30s }`,
        ),
      );
      expect(settings).to.deep.include({
        topicPrefixes: ['journal'],
        topicDiscoveryIntervalMs: 3_000,
        cacheExpireAfterMs: 60_000,
        maxKeysInFlight: 64,
      });
      expect(settings.kafka).to.deep.include({ clientId: 'replicator', bootstrapServers: ['a:1'] });
      expect(settings.kafka.consumer).to.include({
        groupId: 'replicator',
        sessionTimeoutMs: 30_000,
      });
      expect(settings.cassandra.client).to.include({ name: 'replicator', fetchSize: 5_000 });
    });
  });

  describe('of actors', () => {
    it('name the default journal, and none when the key is empty', async () => {
      expect(readPersistenceSettings(await load('')).journalPluginId).to.equal(undefined);
      const config = await load(
        `akka.persistence.journal { plugin = "${journal}", auto-start-journals = [""] }, ${journal}.recovery-event-timeout = 7s`,
      );
      expect(readPersistenceSettings(config)).to.deep.include({
        journalPluginId: journal,
        autoStartJournals: [''],
        recoveryEventTimeoutMs: 7_000,
      });
    });

    it('leave sections of other plugins alone, with a note', async () => {
      const config = await load(
        'akka.persistence { cassandra.journal.class = x, journal.mine { class = y, deep.key = 1 } }',
      );
      readPersistenceSettings(config);
      expect(config.notes.size).to.equal(2);
      expect(
        await problemsOf('akka.persistence.typed.stash-capcity = 1', readPersistenceSettings),
      ).to.have.lengthOf(1);
    });
  });

  it('are reported together when read together', async () => {
    const config = await load(
      `akka.persistence.typed.stash-capacity = 0, ${journal}.eventual = nothing`,
    );
    const read = () =>
      readTogether({
        actors: () => readPersistenceSettings(config),
        journal: () => readKafkaJournalSettings(config),
      });
    expect(read).to.throw(ConfigError).with.property('problems').with.lengthOf(2);
  });
});

describe('an unchanged application.conf of the JVM system', () => {
  const folder = new URL('jvm/', import.meta.url);
  for (const file of readdirSync(folder)) {
    it(`loads: ${file}`, async () => {
      const config = await loadConfig({ file: new URL(file, folder).pathname, env: {} });
      readPersistenceSettings(config);
      readKafkaJournalSettings(config);
      readReplicatorSettings(config);
      expect(config.notes).not.to.have.property('size', 0);
    });
  }

  it('gets one note a key that has no effect, with file and line', async () => {
    const config = await loadConfig({ file: new URL('deployment.conf', folder).pathname, env: {} });
    readKafkaJournalSettings(config);
    const notes = [...config.notes].filter((note) => note.startsWith(`${journal}.circuit-breaker`));
    expect(notes).to.have.lengthOf(1);
    expect(notes[0]).to.match(/deployment\.conf:\d+\)$/);
  });
});

describe('journalClassOf (persistence-plugin 3.3)', () => {
  const classOf = async (name: string) =>
    journalClassOf(await load(`mine.class = "${name}"`), 'mine');

  it('knows the built-in plugins and the names they have on the JVM', async () => {
    expect(await classOf('builtin#EmbeddedJournal')).to.equal('embedded');
    const names = [
      'builtin#KafkaJournal',
      'com.evolution.kafka.journal.akka.persistence.KafkaJournal',
      'com.evolution.kafka.journal.pekko.persistence.circe.KafkaJournalCirce',
      'akka.persistence.kafka.journal.KafkaJournal',
    ];
    for (const name of names) expect(await classOf(name), name).to.equal('kafka');
  });

  it('resolves modules, and refuses what is neither', async () => {
    expect(await classOf('@acme/journal/kafka#Journal')).to.deep.include({
      type: 'module',
      specifier: '@acme/journal/kafka',
      exportName: 'Journal',
    });
    expect(await classOf('./journal.ts')).to.deep.include({
      specifier: './journal.ts',
      exportName: 'default',
    });
    for (const name of [
      '',
      'builtin#Kafka',
      'com.acme.MyJournal',
      'https://x/y#Z',
      'a#b#c',
      '#x',
    ]) {
      const error = await classOf(name).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error, name).to.be.instanceOf(ConfigError);
    }
  });
});
