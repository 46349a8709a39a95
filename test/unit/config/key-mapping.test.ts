import { expect } from 'chai';
import {
  readEmbeddedJournalSettings,
  readKafkaJournalSettings,
} from '../../../src/config/settings/journal-settings.ts';
import { persistenceIdToKey } from '../../../src/plugin/persistence-id-to-key.ts';
import { journal, load, root } from './loading.ts';

/*
 * What the JVM system makes of `persistence-id-to-key`, from its sources:
 *
 * - `KafkaJournal.toKey` gives `ToKey.fromConfig` the `config` of the plugin. Akka makes that of
 *   the section at the plugin's path, over `journal-plugin-fallback`, in the loaded configuration:
 *   so reference.conf of kafka-journal is under it where the path is the one by convention, and
 *   nothing is where it is another. That reference.conf has `impl = "constant-topic"` and
 *   `constant-topic.topic = "journal"`, and nothing of `split`.
 * - `fromConfig` loads the section, `.getOrElse(default)`; `default` is `constantTopic("journal")`.
 * - `apply("impl")`: absent is a failure, so the default. `constant-topic` loads
 *   `constant-topic.topic`; absent is a failure, so the default again.
 * - `onSplit` loads `split.separator`, `.getOrElse("-")`, and `apply("split.fallback") getOrElse
 *   default`: without `split.fallback` that is topic `journal`, whatever `constant-topic.topic`
 *   says; with `constant-topic` it is that topic, or `journal` where there is none.
 */
type Row = readonly [impl: string, topic: string, fallback: string, without: string];

const split = 'impl = split';
const constant = 'impl = constant-topic';
const x = 'constant-topic.topic = x';
const fallback = 'split.fallback = constant-topic';

/**
 * Topic of an id without separator; ids with one are split where `impl` is split, else they go
 * there, too.
 */
const rows: Record<'by convention' | 'elsewhere', readonly Row[]> = {
  'by convention': [
    ['', '', '', 'journal'],
    ['', '', fallback, 'journal'],
    ['', x, '', 'x'],
    ['', x, fallback, 'x'],
    [constant, '', '', 'journal'],
    [constant, '', fallback, 'journal'],
    [constant, x, '', 'x'],
    [constant, x, fallback, 'x'],
    [split, '', '', 'journal'],
    [split, '', fallback, 'journal'],
    [split, x, '', 'journal'],
    [split, x, fallback, 'x'],
  ],
  elsewhere: [
    ['', '', '', 'journal'],
    ['', '', fallback, 'journal'],
    ['', x, '', 'journal'],
    ['', x, fallback, 'journal'],
    [constant, '', '', 'journal'],
    [constant, '', fallback, 'journal'],
    [constant, x, '', 'x'],
    [constant, x, fallback, 'x'],
    [split, '', '', 'journal'],
    [split, '', fallback, 'journal'],
    [split, x, '', 'journal'],
    [split, x, fallback, 'x'],
  ],
};

const journals = [
  { name: 'Kafka', home: journal, class: 'KafkaJournal', read: readKafkaJournalSettings },
  {
    name: 'embedded',
    home: `${root}.embedded.journal`,
    class: 'EmbeddedJournal',
    read: readEmbeddedJournalSettings,
  },
];

describe('persistence-id-to-key means what it means on the JVM', () => {
  for (const { name, home, class: className, read } of journals) {
    for (const [place, table] of Object.entries(rows)) {
      const path = place === 'elsewhere' ? 'mine.journal' : home;
      for (const separator of ['', 'split.separator = "__"']) {
        for (const [impl, topic, toFallback, without] of table) {
          const keys = [impl, topic, separator, toFallback].filter((key) => key !== '').join(', ');
          it(`${name}, section ${place}: { ${keys} }`, async () => {
            const config = await load(
              `${path} { class = "builtin#${className}", persistence-id-to-key { ${keys} } }`,
            );
            const keyOf = persistenceIdToKey(read(config, path).persistenceIdToKey);
            const mark = separator === '' ? '-' : '__';
            const id = `a${mark}b${mark}c`;
            expect(keyOf('abc')).to.deep.equal({ topic: without, id: 'abc' });
            expect(keyOf(id)).to.deep.equal(
              impl === split ? { topic: `a${mark}b`, id: 'c' } : { topic: without, id },
            );
            const isOverlooked = topic === x && without !== 'x';
            const noted = config.notes.has(`${path}.persistence-id-to-key.constant-topic.topic`);
            expect(noted, 'a topic that does not count is noted').to.equal(isOverlooked);
          });
        }
      }
    }
  }
});
