import { expect } from 'chai';
import { readKafkaJournalSettings } from '../../../../src/config/settings/journal-settings.ts';
import { readReplicatorSettings } from '../../../../src/config/settings/replicator-settings.ts';
import { journal, load, messages, problemsOf, root } from '../loading.ts';

const replicator = `${root}.replicator`;

describe('settings of the replicated store', () => {
  it('name Cassandra unless told otherwise, for journals and replicator alike', async () => {
    const config = await load('');
    expect(readKafkaJournalSettings(config).eventual.type).to.equal('cassandra');
    expect(readReplicatorSettings(config).eventual.type).to.equal('cassandra');
  });

  it('are chosen for both at one place, with their own section', async () => {
    const config = await load(`${root} { eventual = postgres, postgres { host = db, port = 1 } }`);
    const read = [readKafkaJournalSettings(config), readReplicatorSettings(config)];
    for (const { eventual } of read) {
      expect(eventual.type).to.equal('postgres');
      const postgres = eventual.type === 'postgres' ? eventual.postgres : undefined;
      expect(postgres).to.deep.include({ host: 'db', port: 1, database: 'journal' });
    }
  });

  it('may differ by section, which counts before the common place', async () => {
    const config = await load(`
      ${root}.eventual = sqlite
      ${journal}.eventual = postgres
      ${replicator}.sqlite.file = "/data/events.db"`);
    expect(readKafkaJournalSettings(config).eventual.type).to.equal('postgres');
    const { eventual } = readReplicatorSettings(config);
    expect(eventual).to.deep.equal({ type: 'sqlite', sqlite: { file: '/data/events.db' } });
  });

  it('of PostgreSQL have a pool and times for each program', async () => {
    const config = await load(`${root} { eventual = postgres, postgres.password = secret }`);
    const { eventual } = readReplicatorSettings(config);
    expect(eventual).to.deep.equal({
      type: 'postgres',
      postgres: {
        name: 'replicator',
        host: '127.0.0.1',
        port: 5432,
        database: 'journal',
        username: undefined,
        password: 'secret',
        tls: undefined,
        maxConnections: 16,
        connectTimeoutMs: 5_000,
        queryTimeoutMs: 12_000,
        fetchSize: 1_000,
        schema: { name: 'journal', autoCreate: true },
      },
    });
  });

  it('refuse another store, with the line that says so, wherever it is said', async () => {
    const [problem, ...rest] = await problemsOf(`\n${root}.eventual = mysql`);
    expect(rest).to.deep.equal([]);
    expect(problem).to.deep.include({ path: `${journal}.eventual`, line: 2 });
    expect(problem?.message).to.equal('must be one of cassandra, postgres, sqlite, not "mysql"');
    const ofReplicator = await problemsOf(`${replicator}.eventual = mysql`, readReplicatorSettings);
    expect(ofReplicator.map(({ path }) => path)).to.deep.equal([`${replicator}.eventual`]);
  });

  it('are checked in the sections that do not count, too', async () => {
    expect(
      await messages(`${journal} { postgres { port = 0, hst = db }, sqlite.path = x }`),
    ).to.have.members([
      'postgres.port must be an integer from 1 to 65535, not 0',
      'postgres.hst is not a known key; did you mean host?',
      'sqlite.path is not a known key',
    ]);
  });

  it('refuse what cannot be: a schema to be quoted, memory for two processes', async () => {
    expect(await messages(`${journal}.postgres.schema.name = "a\\"b"`)).to.have.lengthOf(1);
    expect(await messages(`${journal}.postgres.schema.name = Journal`)).to.have.lengthOf(1);
    expect(
      await messages(`${journal} { eventual = sqlite, sqlite.file = ":memory:" }`),
    ).to.deep.equal(['sqlite.file must be a file: memory is not shared with the replicator']);
  });

  it('never show a password', async () => {
    const found = await messages(`${journal}.postgres.password = [secret]`);
    expect(found).to.have.lengthOf(1);
    expect(found.join('')).to.not.contain('secret');
  });
});
