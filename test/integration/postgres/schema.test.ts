import { expect } from 'chai';
import type { Client } from 'pg';
import { NotSetUpError } from '../../../src/model/errors.ts';
import { silentLogger } from '../../../src/observability/logger.ts';
import { migrate, setUpPostgres } from '../../../src/stores/postgres/schema/create-schema.ts';
import {
  type Migration,
  migrations,
  neededColumns,
} from '../../../src/stores/postgres/schema/migrations.ts';
import { openPostgresSession, type PostgresSession } from '../../../src/stores/postgres/session.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';
import { deps, dropSchema, postgresSettings, randomSchema, rawClient } from './postgres-server.ts';

const firstTables = ['event', 'expiry', 'metajournal', 'pointer', 'setting'];
const tables = [...firstTables, 'tenures', 'tenures_until', 'wake_ups', 'wake_ups_until'];

describe('the schema of PostgreSQL', function () {
  this.timeout(30_000);
  let operator: Client;
  let session: PostgresSession;
  let schema: string;
  before(async () => {
    operator = await rawClient();
    session = await openPostgresSession(postgresSettings('any'), deps);
  });
  after(async () => {
    await session[Symbol.asyncDispose]();
    await operator.end();
  });
  beforeEach(() => {
    schema = randomSchema();
  });
  afterEach(() => dropSchema(schema));

  const tablesThere = async () => {
    const { rows } = await operator.query(
      'SELECT tablename FROM pg_tables WHERE schemaname = $1 ORDER BY 1',
      [schema],
    );
    return rows.map(({ tablename }) => tablename);
  };
  const version = async () => {
    const { rows } = await operator.query(
      `SELECT value FROM ${schema}.setting WHERE key = 'schema-version'`,
    );
    return rows[0]?.value;
  };
  const setUp = (mode: 'create' | 'check', log = silentLogger) =>
    setUpPostgres(postgresSettings(schema), { ...deps, log }, { mode });
  const refusal = (work: Promise<unknown>): Promise<unknown> =>
    work.then(
      () => undefined,
      (error: unknown) => error,
    );

  it('is no longer waited for when the start is over, while another process changes it', async () => {
    const lock = `hashtextextended('kafka-journal ${schema}', 0)`;
    await operator.query(`SELECT pg_advisory_lock(${lock})`);
    const over = new AbortController();
    const { signal } = over;
    const settingUp = refusal(
      setUpPostgres(postgresSettings(schema), deps, { mode: 'create', signal }),
    );
    const waiting = `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
      AND (classid::bigint << 32) + objid::bigint = ${lock}`;
    while ((await operator.query(waiting)).rowCount === 0);
    const startedMs = performance.now();
    over.abort(new Error('told to stop'));
    expect(await settingUp).to.equal(signal.reason);
    expect(performance.now() - startedMs).to.be.below(10_000);
    await operator.query(`SELECT pg_advisory_unlock(${lock})`);
    expect(await tablesThere()).to.deep.equal([]);
  });

  it('is created with its tables and version, and then left alone', async () => {
    await setUp('create');
    expect(await tablesThere()).to.deep.equal(tables);
    expect(await version()).to.equal(String(migrations.length));
    const log = new RecordingLogger();
    await setUp('create', log);
    expect(
      log.lines.filter(({ message }) => message === 'PostgreSQL schema statement'),
    ).to.deep.equal([]);
    await setUp('check');
  });

  it('of the version before tenures passes the check, and is brought up to date', async () => {
    const steps = migrations.slice(0, 1);
    await migrate(session, schema, { log: silentLogger, steps });
    expect(await tablesThere()).to.deep.equal(firstTables);
    await setUp('check');
    const items = await setUp('create');
    expect(items.filter(({ state }) => state === 'created').map(({ name }) => name)).to.deep.equal([
      `table ${schema}.tenures`,
      `table ${schema}.tenures_until`,
      `table ${schema}.wake_ups`,
      `table ${schema}.wake_ups_until`,
    ]);
    expect(await tablesThere()).to.deep.equal(tables);
    await operator.query(`ALTER TABLE ${schema}.tenures DROP COLUMN holder`);
    const error = await refusal(setUp('check'));
    expect(error).to.have.property('message').that.contains(`column ${schema}.tenures.holder`);
  });

  it('is created once by processes that do so at the same moment', async () => {
    await Promise.all([1, 2, 3, 4].map(() => setUp('create')));
    expect(await version()).to.equal(String(migrations.length));
  });

  it('is only looked at in a check, which names what is missing', async () => {
    const missing = await refusal(setUp('check'));
    expect(missing).to.be.instanceOf(NotSetUpError);
    expect(missing).to.have.property('message').that.contains(`no schema ${schema}`);
    expect(await tablesThere()).to.deep.equal([]);

    await setUp('create');
    await operator.query(`DROP TABLE ${schema}.pointer`);
    await operator.query(`ALTER TABLE ${schema}.event DROP COLUMN payload_bin`);
    const parts = await refusal(setUp('check'));
    expect(parts).to.be.instanceOf(NotSetUpError);
    const message = expect(parts).to.have.property('message');
    message.that.contains(`no table ${schema}.pointer`);
    message.that.contains(`no column ${schema}.event.payload_bin`);
  });

  it('has every column that statements need, and no other', async () => {
    await setUp('create');
    const { rows } = await operator.query(
      `SELECT table_name, column_name FROM information_schema.columns
       WHERE table_schema = $1 AND table_name <> 'setting'`,
      [schema],
    );
    const there = rows.map((row) => `${row.table_name}.${row.column_name}`);
    const needed = Object.entries(neededColumns).flatMap(([table, columns]) =>
      columns.map((column) => `${table}.${column}`),
    );
    expect(there).to.have.members(needed);
  });

  it('needs a database that holds every text', async () => {
    const name = `latin_${schema}`;
    await operator.query(`CREATE DATABASE ${name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0`);
    try {
      const settings = postgresSettings(schema, { database: name });
      const error = await refusal(setUpPostgres(settings, deps, { mode: 'create' }));
      expect(error).to.be.instanceOf(NotSetUpError);
      expect(error).to.have.property('message').that.contains('encoding UTF8');
    } finally {
      await operator.query(`DROP DATABASE ${name}`);
    }
  });

  describe('migrations', () => {
    const addsTable =
      (name: string): Migration =>
      (of) => [`CREATE TABLE ${of}.${name} (n integer)`];
    const fails: Migration = (of) => [
      `CREATE TABLE ${of}.half (n integer)`,
      `CREATE TABLE ${of}.half (n integer)`,
    ];
    const run = (...steps: Migration[]) => migrate(session, schema, { log: silentLogger, steps });

    it('apply the steps above the version, each once, in their order', async () => {
      await run(addsTable('one'));
      expect(await version()).to.equal('1');
      await run(addsTable('one'), addsTable('two'), (of) => [
        `ALTER TABLE ${of}.two ADD more text`,
      ]);
      expect(await version()).to.equal('3');
      expect(await tablesThere()).to.deep.equal(['one', 'setting', 'two']);
    });

    it('leave nothing of a step that fails, neither its tables nor its version', async () => {
      await run(addsTable('one'));
      expect(await refusal(run(addsTable('one'), addsTable('two'), fails))).to.be.instanceOf(Error);
      expect(await version()).to.equal('2');
      expect(await tablesThere()).to.deep.equal(['one', 'setting', 'two']);
      await run(addsTable('one'), addsTable('two'), addsTable('half'));
      expect(await version()).to.equal('3');
    });

    it('leave nothing at all when the first step fails', async () => {
      expect(await refusal(run(fails))).to.be.instanceOf(Error);
      const { rows } = await operator.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [
        schema,
      ]);
      expect(rows).to.deep.equal([]);
    });

    it('leave a schema of a later version alone', async () => {
      await run(addsTable('one'), addsTable('two'));
      await run(addsTable('one'));
      expect(await version()).to.equal('2');
    });
  });
});
