import { expect } from 'chai';
import { journalClassOf } from '../../../../src/config/settings/journal-class.ts';
import { ConfigError } from '../../../../src/model/errors.ts';
import { load } from '../loading.ts';

describe('journalClassOf', () => {
  const classOf = async (name: string) =>
    journalClassOf(await load(`mine.class = "${name}"`), 'mine');

  it('knows the built-in plugins and the names they have on the JVM', async () => {
    expect(await classOf('builtin#EmbeddedJournal')).to.deep.equal({
      type: 'builtin',
      value: 'embedded',
    });
    const names = [
      'builtin#KafkaJournal',
      'com.evolution.kafka.journal.akka.persistence.KafkaJournal',
      'com.evolution.kafka.journal.pekko.persistence.circe.KafkaJournalCirce',
      'akka.persistence.kafka.journal.KafkaJournal',
    ];
    for (const name of names) {
      expect(await classOf(name), name).to.deep.equal({ type: 'builtin', value: 'kafka' });
    }
    expect(await classOf('akka.persistence.journal.inmem.InmemJournal')).to.deep.equal({
      type: 'builtin',
      value: 'in-memory',
    });
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
