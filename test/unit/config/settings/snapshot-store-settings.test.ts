import { expect } from 'chai';
import type { Config } from '../../../../src/config/config.ts';
import { readPersistenceSettings } from '../../../../src/config/settings/persistence-settings.ts';
import {
  readNamedSnapshotStores,
  readSnapshotStoreSettings,
  snapshotStoreClasses,
} from '../../../../src/config/settings/snapshot-store-settings.ts';
import { load, problemsOf, root } from '../loading.ts';

const cassandraPath = `${root}.snapshot-store.cassandra`;
const plugin = 'akka.persistence.snapshot-store.plugin';

/** As a host opens it: the section, by its class. */
function read(path: string) {
  return (config: Config) => {
    const section = config.section(path);
    const type = snapshotStoreClasses.get(section.getString('class'));
    if (type === undefined) throw new Error('not one of this package');
    return readSnapshotStoreSettings(section, type);
  };
}

describe('settings of a snapshot store', () => {
  it('have defaults', async () => {
    const config = await load('');
    const defaults = (path: string) => read(path)(config);
    expect(defaults('akka.persistence.snapshot-store.inmem')).to.deep.equal({ type: 'memory' });
    expect(defaults('akka.persistence.snapshot-store.local')).to.deep.equal({
      type: 'local',
      dir: 'snapshots',
      maxLoadAttempts: 3,
    });
    expect(defaults(`${root}.embedded.snapshot-store`)).to.deep.equal({
      type: 'sqlite',
      file: 'journal.db',
    });
    expect(defaults(cassandraPath)).to.deep.include({
      type: 'cassandra',
      table: 'snapshots',
      ttlSeconds: undefined,
    });
    expect(defaults(`${root}.snapshot-store.postgres`)).to.have.nested.property(
      'postgres.schema.name',
      'journal',
    );
  });

  it('take servers, keyspace and file from where the journal has them', async () => {
    const config = await load(`
      ${root} {
        cassandra { client.port = 7, schema.keyspace.name = other }
        postgres.host = "db-1"
        embedded.journal.file = "mine.db"
      }`);
    const of = (path: string) => read(path)(config);
    expect(of(cassandraPath)).to.have.nested.property('cassandra.client.port', 7);
    expect(of(cassandraPath)).to.have.nested.property('cassandra.schema.keyspace.name', 'other');
    expect(of(`${root}.snapshot-store.postgres`)).to.have.nested.property('postgres.host', 'db-1');
    expect(of(`${root}.embedded.snapshot-store`)).to.have.property('file', 'mine.db');
  });

  it('may be at any path, several of one kind side by side', async () => {
    const config = await load(`
      mine { class = "builtin#CassandraSnapshotStore", table = mine, ttl = 1500ms }
      yours { class = "akka.persistence.snapshot.local.LocalSnapshotStore", dir = yours }`);
    expect(read('mine')(config)).to.deep.include({ table: 'mine', ttlSeconds: 2 });
    expect(read('yours')(config)).to.deep.include({ dir: 'yours', maxLoadAttempts: 3 });
  });

  it('leave keys to the host, which are the same for every store', async () => {
    const config = await load(`${cassandraPath} {
      circuit-breaker.max-failures = 1, snapshot-is-optional = on, only-one-snapshot = on
      start-timeout = 1s
    }`);
    expect(read(cassandraPath)(config)).to.include({ type: 'cassandra' });
  });

  it('are wrong with all their problems, each with its path', async () => {
    const text = `${cassandraPath} {
      table = "a-b", ttl = 1ms, tabel = x, cassandra.client.port = 0, cassandra.schema.x = 1
    }`;
    const problems = await problemsOf(text, read(cassandraPath));
    expect(problems.map(({ path }) => path.replace(`${cassandraPath}.`, ''))).to.have.members([
      'table',
      'ttl',
      'tabel',
      'cassandra.client.port',
      'cassandra.schema.x',
    ]);
    const local = 'akka.persistence.snapshot-store.local';
    const wrong = await problemsOf(`${local} { dir = "", max-load-attempts = 0 }`, read(local));
    expect(wrong.map(({ path }) => path)).to.deep.equal([
      `${local}.dir`,
      `${local}.max-load-attempts`,
    ]);
  });

  it('are refused where a section is misspelt', async () => {
    for (const [text, hint] of [
      [`${root}.snapshot-stor.cassandra.ttl = 1d`, 'snapshot-store'],
      [`${root}.snapshot-store.casandra.ttl = 1d`, 'snapshot-store.cassandra'],
      [`${root}.embedded.snapshot-stores.file = x`, 'embedded.snapshot-store'],
    ] as const) {
      const problem = await load(text).then(
        () => undefined,
        (error: Error) => error.message,
      );
      expect(problem, text).to.include(`did you mean ${hint}?`);
    }
    const text = 'akka.persistence.snapshot-store.locl { dir = x }';
    const problems = await problemsOf(text, readPersistenceSettings);
    expect(problems.map(({ message }) => message)).to.deep.equal([
      'is not a known key; did you mean snapshot-store.local?',
    ]);
  });

  describe('that are named', () => {
    it('are those of the default store and of the ones to open at start', async () => {
      const config = await load(`
        ${plugin} = "${cassandraPath}"
        akka.persistence.snapshot-store.auto-start-snapshot-stores = ["", mine, other, "${cassandraPath}"]
        mine { class = "builtin#PostgresSnapshotStore", postgres.schema.name = mine }
        other.class = "package#Store"`);
      const named = readNamedSnapshotStores(config);
      expect([...named.keys()]).to.deep.equal([cassandraPath, 'mine']);
      expect(named.get('mine')).to.have.nested.property('postgres.schema.name', 'mine');
    });

    it('are none when none is set', async () => {
      expect(readNamedSnapshotStores(await load('')).size).to.equal(0);
      expect(readNamedSnapshotStores(await load(`${plugin} = ""`)).size).to.equal(0);
    });

    it('are refused with all problems of their sections, and where there is no section', async () => {
      const text = `
        ${plugin} = nowhere
        akka.persistence.snapshot-store.auto-start-snapshot-stores = [mine]
        mine { class = "builtin#LocalSnapshotStore", dir = "" }`;
      const problems = await problemsOf(text, readNamedSnapshotStores);
      expect(problems.map(({ path }) => path)).to.deep.equal(['nowhere', 'mine.dir']);
    });
  });
});
