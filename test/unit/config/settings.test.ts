import { expect } from 'chai';
import { readTogether } from '../../../src/config/read-together.ts';
import {
  readEmbeddedJournalSettings,
  readKafkaJournalSettings,
} from '../../../src/config/settings/journal-settings.ts';
import { readPersistenceSettings } from '../../../src/config/settings/persistence-settings.ts';
import { recoveryEventTimeoutOf } from '../../../src/config/settings/plugin-host-settings.ts';
import { readReplicatorSettings } from '../../../src/config/settings/replicator-settings.ts';
import { ConfigError } from '../../../src/model/errors.ts';
import { cassandraIn, journal, load, messages, problemsOf, root } from './loading.ts';

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
      const cassandra = cassandraIn(settings.eventual);
      expect(cassandra).to.include({ retries: 100, segmentSize: 10_000 });
      expect(cassandra.schema.keyspace).to.deep.equal({
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
        'persistence-id-to-key.impl must be constant-topic, split or "module#export", not "x"',
        'start-timeout must be a duration such as 500ms, 10s or 2 minutes from 1 to 2147483647 ms, not "soon"',
        'kafka.producer.acks must be one of all, -1, 1, one, 0, none, not 7',
        'cassandra.segment-size must be an integer from 2 to 2147483647, not 1',
      ]);
      expect((await problemsOf(`\n${journal}.start-timeout = soon`))[0]).to.include({ line: 2 });
    });

    it('name the line of the user where a value does not go together with a default', async () => {
      const clashes = [
        ['kafka.consumer.session-timeout = 2s', 'kafka.consumer.heartbeat-interval'],
        ['kafka.consumer.session.timeout.ms = 2000', 'kafka.consumer.heartbeat-interval'],
        [
          'cassandra.client.reconnection.min-delay = 20m',
          'cassandra.client.reconnection.max-delay',
        ],
        ['fleet { enabled = on, session-timeout = 600ms }', 'fleet.heartbeat-interval'],
        [
          'fleet { enabled = on, remote.max-message-size = 128MiB }',
          'fleet.remote.max-size-in-flight',
        ],
      ] as const;
      for (const [written, key] of clashes) {
        const [problem, ...others] = await problemsOf(`\n${journal} { ${written} }`);
        expect(problem, written).to.include({ path: `${journal}.${key}`, line: 2 });
        expect(problem?.file, written).to.equal('config text');
        expect(others, written).to.deep.equal([]);
      }
    });

    it('do not compare a wrong value with others', async () => {
      for (const key of ['session-timeout', 'heartbeat-interval']) {
        expect(await messages(`${journal}.kafka.consumer.${key} = soon`)).to.have.lengthOf(1);
      }
    });

    it('refuse unknown keys at every depth and name the nearest known one', async () => {
      expect(
        await messages(
          `${journal} { start-timeuot = 1s, kafka.producer.aks = all, cassandra.client.query.consistncy = ONE, data-integrity.x = 1 }`,
        ),
      ).to.have.members([
        'kafka.producer.aks is not a known key; did you mean acks?',
        'cassandra.client.query.consistncy is not a known key; did you mean client.query.consistency?',
        'start-timeuot is not a known key; did you mean start-timeout?',
        'data-integrity.x is not a known key',
      ]);
    });

    it('refuse a value where a section should be, once, and say nothing of what is not in it', async () => {
      expect(
        await messages(`${journal} { head-cache = off, replay-filter = off, kafka.producer = [] }`),
      ).to.have.members([
        'head-cache must be an object, not "off"',
        'replay-filter must be an object, not "off"',
        'kafka.producer must be an object, not []',
      ]);
    });

    it('refuse an illegal topic, and take the split of persistence ids', async () => {
      expect(
        await messages(`${journal}.persistence-id-to-key.constant-topic.topic = "a b"`),
      ).to.have.lengthOf(1);
      const config = await load(
        `${journal}.persistence-id-to-key { impl = split, constant-topic.topic = rest, split.fallback = constant-topic }`,
      );
      expect(readKafkaJournalSettings(config).persistenceIdToKey).to.deep.equal({
        type: 'split',
        separator: '-',
        fallback: { topic: 'rest' },
      });
    });

    it('leave the topics to a module that maps persistence ids', async () => {
      const mapping = `${journal}.persistence-id-to-key`;
      const config = await load(`${mapping} { impl = "./keys.ts#Keys", constant-topic.topic = x }`);
      const settings = readKafkaJournalSettings(config);
      expect(settings.persistenceIdToKey).to.deep.equal({ type: 'module' });
      expect(config.notes.get(`${mapping}.constant-topic.topic`)?.why).to.equal(
        'counts only with impl = constant-topic; impl names the topics',
      );
    });

    it('start from the defaults, not from the first journal, in a section of another name', async () => {
      const config = await load(
        `${journal}.kafka.bootstrap-servers = ["a:1"], mine { class = "builtin#KafkaJournal", kafka.client-id = me }`,
      );
      const { kafka } = readKafkaJournalSettings(config, 'mine');
      expect(kafka).to.deep.include({ clientId: 'me', bootstrapServers: ['localhost:9092'] });
    });
  });

  describe('of tenures', () => {
    const sections = [
      ['persistence.journal', readKafkaJournalSettings],
      ['embedded.journal', readEmbeddedJournalSettings],
    ] as const;
    for (const [section, read] of sections) {
      const tenuresOf = async (text: string) =>
        read(await load(`${root}.${section} { ${text} }`)).tenures;

      it(`hold unless they are off, in the scope that is set: ${section}`, async () => {
        expect(await tenuresOf('')).to.deep.equal({ scope: '', holdingTimeMs: 500, wakeUp: true });
        expect(await tenuresOf('tenures = off')).to.equal(undefined);
        const set = 'tenure-scope = billing, tenure-holding-time = 2s, wake-up = off';
        const settings = { scope: 'billing', holdingTimeMs: 2_000, wakeUp: false };
        expect(await tenuresOf(set)).to.deep.equal(settings);
        const longest = 'é'.repeat(255);
        expect(await tenuresOf(`tenure-scope = "${longest}"`)).to.include({ scope: longest });
        expect(await tenuresOf('tenure-holding-time = 0s')).to.include({ holdingTimeMs: 0 });
      });

      it(`refuse a scope that no record can have, and a long wait: ${section}`, async () => {
        const scope = 'tenure-scope must be a text of at most 255 characters without unpaired';
        for (const wrong of ['x'.repeat(256), '\\ud800']) {
          const text = `${root}.${section}.tenure-scope = "${wrong}"`;
          const [found] = await problemsOf(text, (config) => read(config));
          expect(found?.message).to.match(new RegExp(`^${scope.slice('tenure-scope '.length)}`));
        }
        const long = `${root}.${section} { tenures = maybe, tenure-holding-time = 2m }`;
        const found = await problemsOf(long, (config) => read(config));
        expect(found.map(({ path }) => path.split('.').at(-1))).to.deep.equal([
          'tenures',
          'tenure-holding-time',
        ]);
        expect(found[1]?.message).to.include('2 minutes from 0 to 60000 ms, not "2m"');
      });
    }

    it('hold nothing where only a leader acknowledges: it would take its opening marks along', async () => {
      for (const acks of ['one', 'none']) {
        const config = await load(`${journal}.kafka.producer.acks = ${acks}`);
        expect(readKafkaJournalSettings(config).tenures).to.equal(undefined);
        expect(config.takeNotes().map(({ path, why }) => [path, why])).to.deep.include([
          `${journal}.tenures`,
          'needs kafka.producer.acks = all; without it nothing is held',
        ]);
      }
      const off = await load(`${journal} { kafka.producer.acks = one, tenures = off }`);
      readKafkaJournalSettings(off);
      expect(off.takeNotes()).to.deep.equal([]);
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
      expect(cassandraIn(settings.eventual).client).to.include({
        name: 'replicator',
        fetchSize: 5_000,
      });
    });
  });

  describe('of actors', () => {
    it('name the default journal, and none when the key is empty', async () => {
      expect(readPersistenceSettings(await load('')).journalPluginId).to.equal(undefined);
      const config = await load(
        `akka.persistence.journal { plugin = "${journal}", auto-start-journals = [""] }`,
      );
      expect(readPersistenceSettings(config)).to.deep.include({
        journalPluginId: journal,
        autoStartJournals: [''],
      });
    });

    it('take the recovery-event-timeout of the section of their journal, else that of all', async () => {
      const config = await load(
        `akka.persistence.journal-plugin-fallback.recovery-event-timeout = 9s
        ${journal}.recovery-event-timeout = 7s, mine { class = "./mine.ts", recovery-event-timeout = 8s }`,
      );
      const limits = [journal, 'mine', 'akka.persistence.journal.inmem', 'in.code', undefined].map(
        (path) => recoveryEventTimeoutOf(config, path),
      );
      expect(limits).to.deep.equal([7_000, 8_000, 9_000, 9_000, 9_000]);
    });

    it('take the classic strategy of a full stash where it is set, by its name or its class', async () => {
      const key = 'internal-stash-overflow-strategy';
      const cases = [
        ['', 'drop'],
        ['typed.stash-overflow-strategy = fail', 'fail'],
        [`${key} = throw`, 'fail'],
        [`${key} = discard, typed.stash-overflow-strategy = fail`, 'drop'],
        [`${key} = "akka.persistence.ThrowExceptionConfigurator"`, 'fail'],
        [`${key} = "akka.persistence.DiscardConfigurator"`, 'drop'],
        [`${key} = "org.apache.pekko.persistence.ThrowExceptionConfigurator"`, 'fail'],
        [`${key} = "akka.persistence.ThrowOverflowExceptionStrategy"`, 'fail'],
        [`${key} = "org.apache.pekko.persistence.DiscardToDeadLetterStrategy"`, 'drop'],
        // What the export makes is found later.
        [`${key} = "./mine.ts#Strategy", typed.stash-overflow-strategy = fail`, 'fail'],
      ] as const;
      for (const [text, expected] of cases) {
        const config = await load(`akka.persistence { ${text} }`);
        expect(readPersistenceSettings(config).stashOverflow, text).to.equal(expected);
        expect(config.notes.size, text).to.equal(0);
      }
      const wrong = `akka.persistence.${key} = "my.Configurator"`;
      const problems = await problemsOf(wrong, readPersistenceSettings);
      expect(problems.map(({ message }) => message)).to.deep.equal([
        'must be throw, discard, the name of one of their JVM classes, or "module#export", not my.Configurator',
      ]);
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
