import type { Client } from 'cassandra-driver';
import { expect } from 'chai';
import { JournalError, NotSetUpError } from '../../../src/model/errors.ts';
import { type Logger, silentLogger } from '../../../src/observability/logger.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { setUpCassandra } from '../../../src/stores/cassandra/schema/create-schema.ts';
import {
  cassandraSettings,
  deps,
  randomKeyspace,
  rawClient,
  type SettingsChange,
} from './cassandra-server.ts';

/**
 * Types and kinds of docs: docs/format.md#tables; `partition_key 0` = first column of the partition
 * key.
 */
const expectedColumns = {
  journal: {
    id: 'text partition_key 0',
    topic: 'text partition_key 1',
    segment: 'bigint partition_key 2',
    seq_nr: 'bigint clustering 0 asc',
    timestamp: 'timestamp clustering 1 asc',
    partition: 'int',
    offset: 'bigint',
    origin: 'text',
    version: 'text',
    meta_record_id: 'uuid',
    tags: 'set<text>',
    metadata: 'text',
    payload_type: 'text',
    payload_txt: 'text',
    payload_bin: 'blob',
    headers: 'map<text, text>',
  },
  metajournal: {
    topic: 'text partition_key 0',
    segment: 'bigint partition_key 1',
    id: 'text clustering 0 asc',
    partition: 'int',
    offset: 'bigint',
    segment_size: 'int',
    seq_nr: 'bigint',
    delete_to: 'bigint',
    created: 'timestamp',
    created_date: 'date',
    updated: 'timestamp',
    expire_after: 'duration',
    expire_on: 'date',
    record_id: 'uuid',
    origin: 'text',
    properties: 'map<text, text>',
    metadata: 'text',
  },
  pointer2: {
    topic: 'text partition_key 0',
    partition: 'int partition_key 1',
    offset: 'bigint',
    created: 'timestamp',
    updated: 'timestamp',
  },
  setting: {
    key: 'text partition_key 0',
    value: 'text',
    timestamp: 'timestamp',
    origin: 'text',
    metadata: 'text',
  },
  tenures: {
    topic: 'text partition_key 0',
    partition: 'int partition_key 1',
    scope: 'text clustering 0 asc',
    offset: 'bigint clustering 1 desc',
    holder: 'text',
    address: 'text',
    created: 'timestamp',
  },
  tenures_until: {
    topic: 'text partition_key 0',
    partition: 'int partition_key 1',
    offset: 'bigint',
  },
  wake_up_keys: {
    topic: 'text partition_key 0',
    partition: 'int partition_key 1',
    share: 'int partition_key 2',
    id: 'text clustering 0 asc',
    due: 'bigint',
    reason: 'text',
    offset: 'bigint',
  },
  wake_ups: {
    topic: 'text partition_key 0',
    partition: 'int partition_key 1',
    bucket: 'bigint partition_key 2',
    share: 'int partition_key 3',
    due: 'bigint clustering 0 asc',
    id: 'text clustering 1 asc',
  },
  wake_up_buckets: {
    topic: 'text partition_key 0',
    partition: 'int partition_key 1',
    bucket: 'bigint clustering 0 asc',
  },
  wake_ups_until: {
    topic: 'text partition_key 0',
    partition: 'int partition_key 1',
    offset: 'bigint',
  },
  locks: {
    id: 'text partition_key 0',
    expiry_ms: 'bigint',
    timestamp: 'timestamp',
    metadata: 'text',
  },
};

describe('setting up Cassandra', function () {
  this.timeout(60_000);
  let client: Client;
  const keyspaces: string[] = [];
  const newKeyspace = () => {
    const keyspace = randomKeyspace();
    keyspaces.push(keyspace);
    return keyspace;
  };
  // To make and drop a keyspace costs Cassandra much: most tests have one together.
  const whole: WholeKeyspace = { name: newKeyspace(), made: [] };
  before(async () => {
    client = await rawClient();
    whole.made.push(...(await setUp(whole.name)));
  });
  after(async () => {
    for (const keyspace of keyspaces) await client.execute(`DROP KEYSPACE IF EXISTS ${keyspace}`);
    await client.shutdown();
  });
  const raw = () => client;

  describe('in mode create', () => describeCreate(raw, newKeyspace, whole));
  describe('on what another version made', () => describeMigration(raw, newKeyspace, whole));
  // Its last tests take something away.
  describe('in mode check', () => describeCheck(raw, newKeyspace, whole));
});

/** In which all is there, as a set-up has made it. */
interface WholeKeyspace {
  readonly name: string;
  /** The statements of that set-up. */
  readonly made: string[];
}

async function setUp(keyspace: string, change: SettingsChange = {}): Promise<string[]> {
  const statements: string[] = [];
  const log: Logger = { ...silentLogger, info: ({ cql }) => void statements.push(String(cql)) };
  await setUpCassandra(cassandraSettings(keyspace, change), { ...deps, log }, { mode: 'create' });
  return statements;
}

async function failure(run: Promise<unknown>): Promise<unknown> {
  return await run.then(
    () => undefined,
    (error: unknown) => error,
  );
}

async function versionOf(client: Client, keyspace: string): Promise<string | undefined> {
  const { rows } = await client.execute(
    `SELECT value FROM ${keyspace}.setting WHERE key = 'schema-version'`,
  );
  return rows[0]?.['value'];
}

async function columnsOf(
  client: Client,
  keyspace: string,
): Promise<Record<string, Record<string, string>>> {
  const { rows } = await client.execute(
    'SELECT * FROM system_schema.columns WHERE keyspace_name = ?',
    [keyspace],
  );
  const tables: Record<string, Record<string, string>> = {};
  for (const {
    table_name: table,
    column_name: column,
    type,
    kind,
    position,
    clustering_order: order,
  } of rows) {
    const key = kind === 'regular' ? '' : ` ${kind} ${position}`;
    tables[table] = {
      ...tables[table],
      [column]: `${type}${key}${order === 'none' ? '' : ` ${order}`}`,
    };
  }
  return tables;
}

type Raw = () => Client;

function describeCreate(client: Raw, newKeyspace: () => string, whole: WholeKeyspace): void {
  it('makes keyspace, tables and indexes as the JVM system does, those of tenures and wake-ups, and notes version 8', async () => {
    const { name: keyspace, made } = whole;
    expect(made).to.have.length(14);
    expect(await columnsOf(client(), keyspace)).to.deep.equal(expectedColumns);
    const indexes = await client().execute(
      'SELECT * FROM system_schema.indexes WHERE keyspace_name = ?',
      [keyspace],
    );
    expect(
      indexes.rows.map((row) => [
        row['table_name'],
        row['index_name'],
        row['options'].get('target'),
      ]),
    ).to.deep.equal([
      ['metajournal', 'metajournal_created_date_idx', 'created_date'],
      ['metajournal', 'metajournal_expire_on_idx', 'expire_on'],
    ]);
    const { rows } = await client().execute(
      'SELECT * FROM system_schema.keyspaces WHERE keyspace_name = ?',
      [keyspace],
    );
    expect(Object.fromEntries(rows[0]?.['replication'])).to.deep.equal({
      class: 'org.apache.cassandra.locator.SimpleStrategy',
      replication_factor: '1',
    });
    expect(await versionOf(client(), keyspace)).to.equal('8');
  });

  it('sends no DDL where all is there', async () => {
    expect(await setUp(whole.name)).to.deep.equal([]);
  });

  it('makes each thing once when several processes begin at once', async () => {
    const keyspace = newKeyspace();
    const all = await Promise.all([1, 2, 3].map(() => setUp(keyspace)));
    const tables = all.flat().filter((cql) => cql.includes(`${keyspace}.journal `));
    expect(tables).to.have.length(1);
    expect(await columnsOf(client(), keyspace)).to.deep.equal(expectedColumns);
    expect(await versionOf(client(), keyspace)).to.equal('8');
  });

  it('makes a table that is missing, leaves the others, and gives the lock back', async () => {
    const keyspace = whole.name;
    await client().execute(`DROP TABLE ${keyspace}.pointer2`);
    expect(await setUp(keyspace)).to.have.length(1);
    expect(await columnsOf(client(), keyspace)).to.deep.equal(expectedColumns);
    expect((await client().execute(`SELECT * FROM ${keyspace}.locks`)).rows).to.deep.equal([]);
  });

  it('waits for a lock that a JVM process holds', async () => {
    const keyspace = whole.name;
    await client().execute(`DROP TABLE ${keyspace}.pointer2`);
    await client().execute(`INSERT INTO ${keyspace}.locks (id) VALUES ('kafka-journal')`);
    const settingUp = setUp(keyspace);
    await systemClock.sleep(500);
    expect(await columnsOf(client(), keyspace)).to.not.have.property('pointer2');
    await client().execute(`DELETE FROM ${keyspace}.locks WHERE id = 'kafka-journal' IF EXISTS`);
    await settingUp;
    expect(await columnsOf(client(), keyspace)).to.have.property('pointer2');
  });

  it('makes nothing that the settings forbid, and names it', async () => {
    const keyspace = newKeyspace();
    const forbidden = await failure(setUp(keyspace, { keyspaceAutoCreate: false }));
    expect(forbidden)
      .to.be.instanceOf(NotSetUpError)
      .with.property('message')
      .that.contains(`keyspace ${keyspace}`);
    const tables = await failure(setUp(keyspace, { autoCreate: false }));
    expect(tables)
      .to.be.instanceOf(NotSetUpError)
      .with.property('message')
      .that.contains(`${keyspace}.metajournal`);
    expect(await columnsOf(client(), keyspace)).to.deep.equal({});
  });
}

const oldTables = (keyspace: string) => [
  `CREATE KEYSPACE ${keyspace} WITH REPLICATION = { 'class' : 'SimpleStrategy','replication_factor':1 }`,
  `CREATE TABLE ${keyspace}.journal (id text, topic text, segment bigint, seq_nr bigint, timestamp timestamp,
    partition int, offset bigint, origin text, tags set<text>, metadata text, payload_type text, payload_txt text,
    payload_bin blob, PRIMARY KEY ((id, topic, segment), seq_nr, timestamp))`,
  `CREATE TABLE ${keyspace}.metajournal (topic text, segment bigint, id text, partition int, offset bigint,
    segment_size int, seq_nr bigint, delete_to bigint, created timestamp, created_date date, updated timestamp,
    expire_after duration, expire_on date, origin text, properties map<text,text>, metadata text,
    PRIMARY KEY ((topic, segment), id))`,
  `CREATE TABLE ${keyspace}.setting (key text PRIMARY KEY, value text, timestamp timestamp, origin text, metadata text)`,
  `CREATE TABLE ${keyspace}.pointer (topic text, partition int, offset bigint, created timestamp, updated timestamp,
    PRIMARY KEY ((topic), partition))`,
  `CREATE TABLE ${keyspace}.metadata (id text PRIMARY KEY)`,
];

function describeMigration(client: Raw, newKeyspace: () => string, whole: WholeKeyspace): void {
  const old = async (version?: string) => {
    const keyspace = newKeyspace();
    for (const cql of oldTables(keyspace)) await client().execute(cql);
    if (version !== undefined) {
      const insert = `INSERT INTO ${keyspace}.setting (key, value) VALUES ('schema-version', ?)`;
      await client().execute(insert, [version], { prepare: true });
    }
    return keyspace;
  };

  for (const version of [undefined, '-1', 'not a number']) {
    it(`applies every step when the version is ${version ?? 'absent'}`, async () => {
      const keyspace = await old(version);
      await setUp(keyspace);
      expect(await columnsOf(client(), keyspace)).to.deep.equal(expectedColumns);
      expect(await versionOf(client(), keyspace)).to.equal('8');
    });
  }

  it('applies only the steps above the version', async () => {
    const keyspace = whole.name;
    await client().execute(`CREATE TABLE ${keyspace}.pointer (topic text PRIMARY KEY)`);
    await client().execute(
      `INSERT INTO ${keyspace}.setting (key, value) VALUES ('schema-version', '7')`,
    );
    expect(await setUp(keyspace)).to.deep.equal([`DROP TABLE IF EXISTS ${keyspace}.pointer`]);
    expect(await versionOf(client(), keyspace)).to.equal('8');
  });

  it('leaves a version above its own alone', async () => {
    const keyspace = whole.name;
    const set = (version: string) =>
      client().execute(
        `INSERT INTO ${keyspace}.setting (key, value) VALUES ('schema-version', '${version}')`,
      );
    await set('9');
    expect(await setUp(keyspace)).to.deep.equal([]);
    expect(await versionOf(client(), keyspace)).to.equal('9');
    await set('8');
  });

  it('stays at the version before a step that fails, and gives the lock back (I20)', async () => {
    const keyspace = await old();
    // A column that was dropped with another type cannot be added again: step 4 fails.
    await client().execute(`ALTER TABLE ${keyspace}.journal ADD meta_record_id int`);
    await client().execute(`ALTER TABLE ${keyspace}.journal DROP meta_record_id`);
    expect(await failure(setUp(keyspace))).to.be.instanceOf(JournalError);
    expect(await versionOf(client(), keyspace)).to.equal('3');
    expect((await client().execute(`SELECT * FROM ${keyspace}.locks`)).rows).to.deep.equal([]);
    expect(await failure(setUp(keyspace))).to.be.instanceOf(JournalError);
    expect(await versionOf(client(), keyspace)).to.equal('3');
  });
}

function describeCheck(client: Raw, newKeyspace: () => string, whole: WholeKeyspace): void {
  const check = (keyspace: string) =>
    setUpCassandra(cassandraSettings(keyspace), deps, { mode: 'check' });

  it('passes where all is there', async () => {
    await check(whole.name);
  });

  it('names a missing keyspace and creates nothing', async () => {
    const keyspace = newKeyspace();
    const error = await failure(check(keyspace));
    expect(error)
      .to.be.instanceOf(NotSetUpError)
      .with.property('message')
      .that.contains(`keyspace ${keyspace}`);
    expect(await columnsOf(client(), keyspace)).to.deep.equal({});
  });

  it('passes without the tables of tenures, but not without a column of them', async () => {
    const keyspace = whole.name;
    await client().execute(`DROP TABLE ${keyspace}.tenures_until`);
    await check(keyspace);
    await client().execute(`ALTER TABLE ${keyspace}.tenures DROP holder`);
    const error = await failure(check(keyspace));
    expect(error)
      .to.be.instanceOf(NotSetUpError)
      .with.property('message')
      .that.contains(`column ${keyspace}.tenures.holder`);
  });

  it('names every table and column that is missing', async () => {
    const keyspace = whole.name;
    await client().execute(`DROP TABLE ${keyspace}.pointer2`);
    await client().execute(`ALTER TABLE ${keyspace}.journal DROP headers`);
    const error = await failure(check(keyspace));
    expect(error).to.be.instanceOf(NotSetUpError);
    expect((error as Error).message)
      .to.contain(`table ${keyspace}.pointer2`)
      .and.contain(`${keyspace}.journal.headers`);
  });
}
