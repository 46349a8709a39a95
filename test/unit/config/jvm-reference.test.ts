import { readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { expect } from 'chai';
import type { Config } from '../../../src/config/config.ts';
import { renderPath } from '../../../src/config/hocon/origin.ts';
import { parseFile } from '../../../src/config/hocon/parse/parse-file.ts';
import { toPlain, type Value } from '../../../src/config/hocon/values.ts';
import {
  readInMemoryJournalSettings,
  readKafkaJournalSettings,
} from '../../../src/config/settings/journal-settings.ts';
import { readPersistenceSettings } from '../../../src/config/settings/persistence-settings.ts';
import { readReplicatorSettings } from '../../../src/config/settings/replicator-settings.ts';
import { readSnapshotStoreSettings } from '../../../src/config/settings/snapshot-store-settings.ts';
import { journal, load, problemsOf } from './loading.ts';

/*
 * The keys of the reference.conf files (persistence, -typed, -query and -testkit; comments left
 * out) of Akka 2.6.21 and 2.10.9, Pekko 1.7.0 and 2.0.0-M4, and of kafka-journal. An
 * application.conf may set any of them.
 */
const folder = new URL('jvm-reference/', import.meta.url);

/** Keys with a value, as HOCON; what refers to Akka's own settings stands for any number. */
function settings(value: Value, path: readonly string[] = []): [path: string, value: string][] {
  if (value.kind === 'object' && value.fields.size > 0) {
    return [...value.fields].flatMap(([key, field]) => settings(field, [...path, key]));
  }
  if (value.kind === 'merge' || value.kind === 'reference') return [[renderPath(path), '1']];
  return [[renderPath(path), JSON.stringify(toPlain(value))]];
}

function settingsOf(file: string): [path: string, value: string][] {
  const tree = parseFile(new URL(file, folder).pathname);
  return tree === undefined ? [] : settings(tree);
}

function readAll(config: Config): void {
  readPersistenceSettings(config);
  readKafkaJournalSettings(config);
  readInMemoryJournalSettings(config);
  readReplicatorSettings(config);
  readSnapshotStoreSettings(config.section('akka.persistence.snapshot-store.local'), 'local');
}

describe('a key of a reference.conf of the JVM', () => {
  for (const file of readdirSync(folder)) {
    const ours = settingsOf(file).filter(([path]) =>
      /^(?:akka|pekko)\.persistence\.|^evolutiongaming\./.test(path),
    );

    it(`loads, and is read or noted, each by itself: ${basename(file, '.conf')}`, async () => {
      expect(ours).to.have.length.above(20);
      for (const [path, value] of ours) {
        const config = await load(`${path} = ${value}`);
        expect(() => readAll(config), path).not.to.throw();
        const noted = [...config.notes.values()].filter((note) => path.startsWith(note.path));
        expect(noted.length === 1 || config.keysRead.has(path), path).to.equal(true);
      }
    }).timeout(30_000);

    it(`loads with all others: ${basename(file, '.conf')}`, async () => {
      const config = await load(`include "${new URL(file, folder).pathname}"`);
      readAll(config);
      expect(config.notes.size).to.be.above(5);
    });
  }

  it('is noted once, under the name that the file has', async () => {
    const config = await load('pekko.persistence.typed.event-writer.max-batch-size = 10');
    readPersistenceSettings(config);
    expect([...config.notes.values()]).to.deep.equal([
      {
        path: 'pekko.persistence.typed.event-writer',
        file: 'config text',
        line: 1,
        why: 'there is no event writer here: actors write themselves',
        isPromised: false,
      },
    ]);
  });
});

describe('a section of another plugin', () => {
  for (const path of [
    'akka.persistence.r2dbc.connection-factory.driver = "postgres"',
    'akka.persistence.cassandra { events-by-tag.enabled = off }',
    'akka.persistence.dynamodb {}',
    'pekko.persistence.r2dbc { use-app-timestamp = on }',
    'akka.persistence.journal.jdbc { slick.profile = x }',
    'akka.persistence.typd { class = x }',
  ]) {
    it(`loads without a class, with a note: ${path}`, async () => {
      const config = await load(path);
      readPersistenceSettings(config);
      const name = /^\S+?\.persistence\.(?:journal\.)?[^\s.]+/.exec(path)?.[0];
      expect([...config.notes.keys()]).to.deep.equal([name]);
    });
  }

  it('is noted only when it is not one of ours', async () => {
    const config = await load('akka.persistence.mine { class = "builtin#EmbeddedJournal" }');
    readPersistenceSettings(config);
    expect(config.notes.size).to.equal(0);
  });
});

describe('an unknown key under akka.persistence', () => {
  for (const [text, message] of [
    ['akka.persistence.typd.stash-capacity = 1', 'typd is not a known key; did you mean typed?'],
    ['akka.persistence.journl { plugin = x }', 'journl is not a known key; did you mean journal?'],
    [
      'akka.persistence.snapshot-stor {}',
      'snapshot-stor is not a known key; did you mean snapshot-store?',
    ],
    [
      'akka.persistence.journal.plugn = x',
      'journal.plugn is not a known key; did you mean journal.plugin?',
    ],
    [
      'akka.persistence.journal.leveldbb {}',
      'journal.leveldbb is not a known key; did you mean journal.leveldb?',
    ],
    ['akka.persistence.something = 1', 'something is not a known key'],
    ['akka.persistence.typed.other { x = 1 }', 'typed.other is not a known key'],
    ['akka.persistence.typed.other.class = x', 'typed.other is not a known key'],
    [
      'akka.persistence.xstate.timer = x',
      'xstate.timer is not a known key; did you mean xstate.timers?',
    ],
  ] as const) {
    it(`is an error: ${text}`, async () => {
      const problems = await problemsOf(text, readPersistenceSettings);
      expect(problems.map((problem) => `${problem.path} ${problem.message}`)).to.deep.equal([
        `akka.persistence.${message}`,
      ]);
    });
  }

  it('is named as the file has it: pekko', async () => {
    const text = `pekko.persistence {
      typd.stash-capacity = 1
      max-concurrent-recoveries = many
      journal.plugin = nowhere
    }`;
    const problems = await problemsOf(text, readPersistenceSettings);
    expect(problems.map(({ path, line }) => [path, line])).to.have.deep.members([
      ['pekko.persistence.typd', 2],
      ['pekko.persistence.max-concurrent-recoveries', 3],
      ['pekko.persistence.journal.plugin', 4],
    ]);
    const own = await load(
      'pekko.persistence.journal.plugin = nowhere, akka.persistence.typed.x = 1',
    );
    expect(() => readPersistenceSettings(own)).to.throw(
      /^pekko[^\n]*nowhere[^\n]*\nakka\.persistence\.typed\.x/,
    );
  });

  it('leaves the sections of the journals as they are', async () => {
    expect(await problemsOf(`${journal}.persistence-id-to-kez {}`)).to.have.lengthOf(1);
  });
});
