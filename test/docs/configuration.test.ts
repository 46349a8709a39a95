import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { Config } from '../../src/config/config.ts';
import { parseFile } from '../../src/config/hocon/parse/parse-file.ts';
import { type Plain, toPlain, type Value } from '../../src/config/hocon/values.ts';
import { ignored, promised } from '../../src/config/keys/keys-without-effect.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import {
  readEmbeddedJournalSettings,
  readInMemoryJournalSettings,
  readKafkaJournalSettings,
} from '../../src/config/settings/journal-settings.ts';
import { readPersistenceSettings } from '../../src/config/settings/persistence-settings.ts';
import { readReplicatorSettings } from '../../src/config/settings/replicator-settings.ts';
import {
  readSnapshotStoreSettings,
  snapshotStoreClasses,
  snapshotStorePaths,
} from '../../src/config/settings/snapshot-store-settings.ts';

const root = 'evolutiongaming.kafka-journal';
const page = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');
const pathOf = (name: string): string =>
  new URL(`../../plugin-config/${name}`, import.meta.url).pathname;

/** Rows of the table under the heading: key → default as written. */
function documented(heading: string): ReadonlyMap<string, string> {
  const section = page.split(`### \`${heading}\`\n`)[1]?.split('\n#')[0] ?? '';
  const rows = [...section.matchAll(/^\| `([^`]+)` \| `([^`]*)` \| .+ \|$/gm)];
  return new Map(rows.map(([, key = '', written = '']) => [key, written]));
}

/** Every key that is not an object, with its value; `null` and lists are values. */
function leaves(value: Value, path: readonly string[] = []): [string, Plain][] {
  if (value.kind === 'merge') return value.stack.flatMap((layer) => leaves(layer, path));
  if (value.kind === 'reference') return [];
  if (value.kind !== 'object') return [[path.join('.'), toPlain(value)]];
  return [...value.fields].flatMap(([key, field]) => leaves(field, [...path, key]));
}

function leavesOf(name: string): [string, Plain][] {
  const tree = parseFile(pathOf(name));
  return tree === undefined ? [] : leaves(tree);
}

const kafka = leavesOf('kafka.conf').map(([key]) => key);
const cassandra = leavesOf('cassandra.conf').map(([key]) => key);
const postgres = leavesOf('postgres.conf').map(([key]) => key);
const fleet = leavesOf('fleet.conf').map(([key]) => key);

/** All keys of `plugin-config`, with the whole path. */
const written = [...leavesOf('reference.conf'), ...leavesOf('replicator.conf')].map(([key]) => key);

const snapshotStores = Object.values(snapshotStorePaths).filter((path) => path.startsWith(root));

/** Each section of a snapshot store, by the reader of its class. */
function readSnapshotStores(config: Config): void {
  for (const path of Object.values(snapshotStorePaths)) {
    const section = config.section(path);
    const type = snapshotStoreClasses.get(section.getString('class'));
    if (type === undefined) throw new Error(`${path} has a class that nobody reads`);
    readSnapshotStoreSettings(section, type);
  }
}

function under(prefix: string): string[] {
  return written
    .filter((key) => key.startsWith(`${prefix}.`))
    .map((key) => key.slice(prefix.length + 1));
}

function withoutIncluded(keys: readonly string[]): string[] {
  return keys.filter((key) => !/^(?:kafka|cassandra|postgres|fleet)\./.test(key));
}

describe('docs/configuration.md and plugin-config', () => {
  it('have exactly the keys that the code reads', async () => {
    const config = await loadConfig({ env: {} });
    readPersistenceSettings(config);
    readKafkaJournalSettings(config);
    readEmbeddedJournalSettings(config);
    readInMemoryJournalSettings(config);
    readReplicatorSettings(config);
    readSnapshotStores(config);
    const sections = new Set(written.flatMap((key) => prefixesOf(key)));
    const read = [...config.keysRead].filter((key) => !sections.has(key));
    expect(read.toSorted()).to.deep.equal([...new Set(written)].toSorted());
  });

  it('list the same keys', () => {
    expect([...documented('akka.persistence').keys()]).to.have.members(under('akka.persistence'));
    expect([...documented('kafka').keys()]).to.have.members(kafka);
    expect([...documented('cassandra').keys()]).to.have.members(cassandra);
    expect([...documented('postgres').keys()]).to.have.members(postgres);
    expect([...documented('fleet').keys()]).to.have.members(fleet);
    for (const section of [
      `${root}.persistence.journal`,
      `${root}.embedded.journal`,
      ...snapshotStores,
    ]) {
      expect([...documented(section).keys()], section).to.have.members(
        withoutIncluded(under(section)),
      );
    }
    const own = [...documented(`${root}.replicator`).keys()];
    expect(withoutIncluded(own)).to.have.members(withoutIncluded(under(`${root}.replicator`)));
  });

  it('give the same defaults', async () => {
    const config = await loadConfig({ env: {} });
    const headings = [
      'akka.persistence',
      `${root}.persistence.journal`,
      `${root}.embedded.journal`,
      ...snapshotStores,
      `${root}.replicator`,
    ];
    for (const heading of headings) {
      for (const [key, text] of documented(heading))
        expectDefault(`${heading}.${key}`, config.value(`${heading}.${key}`), text);
    }
    for (const heading of ['kafka', 'cassandra', 'postgres', 'fleet']) {
      const path = `${root}.persistence.journal.${heading}`;
      for (const [key, text] of documented(heading))
        expectDefault(key, config.value(`${path}.${key}`), text);
    }
  });

  it('explain every key with a comment', () => {
    const included = ['kafka.conf', 'cassandra.conf', 'postgres.conf', 'fleet.conf'];
    for (const name of ['reference.conf', ...included, 'replicator.conf']) {
      for (const { key, comment } of commented(name))
        expect(comment, `${name}: ${key}`).to.match(/^# .{10,}/);
    }
  });

  for (const [heading, table] of [
    ['Without effect so far', promised],
    ['Accepted and ignored', ignored],
  ] as const) {
    it(`list exactly the keys that are loaded and do nothing: ${heading}`, () => {
      const section = page.split(`## ${heading}`)[1]?.split('\n## ')[0] ?? '';
      const rows = [...section.matchAll(/^\| ([a-z ]+) \| (`.*`) \| (.+) \|$/gm)].map(
        ([, section = '', keys = '', why = '']) => ({
          section,
          keys: [...keys.matchAll(/`([^`]+)`/g)].map(([, key]) => key),
          why,
        }),
      );
      expect(rows).to.deep.equal(table.map(({ section, keys, why }) => ({ section, keys, why })));
    });
  }

  it('accept no key that is read', () => {
    const accepted = [...promised, ...ignored]
      .filter(({ section }) => section === 'cassandra')
      .flatMap(({ keys }) => keys);
    expect(accepted.filter((key) => cassandra.includes(key))).to.deep.equal([]);
    const ofKafka = [...promised, ...ignored]
      .filter(({ section }) => section === 'kafka')
      .flatMap(({ keys }) => keys);
    expect(ofKafka.filter((key) => kafka.includes(key))).to.deep.equal([]);
  });
});

function prefixesOf(key: string): string[] {
  const parts = key.split('.');
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('.'));
}

function expectDefault(key: string, value: Value | undefined, text: string): void {
  const found = value === undefined ? null : toPlain(value);
  const shown = value?.kind === 'scalar' ? value.text : JSON.stringify(found);
  expect(text.replace(/^"(.*)"$/, '$1').replaceAll(', ', ','), key).to.equal(shown);
}

function commented(name: string): { key: string; comment: string }[] {
  const found: { key: string; comment: string }[] = [];
  let comment = '';
  for (const line of readFileSync(pathOf(name), 'utf8')
    .split('\n')
    .map((text) => text.trim())) {
    if (line.startsWith('#')) comment += line;
    else {
      const key = /^([\w.-]+) = (?!\$\{)/.exec(line)?.[1];
      if (key !== undefined) found.push({ key, comment });
      comment = '';
    }
  }
  return found;
}
