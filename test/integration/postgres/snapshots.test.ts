import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Client } from 'pg';
import { runSetup } from '../../../src/cli/setup.ts';
import { AccessDeniedError, NotSetUpError } from '../../../src/model/errors.ts';
import {
  setUpPostgres,
  setUpPostgresSnapshots,
} from '../../../src/stores/postgres/schema/create-schema.ts';
import { openPostgresSnapshotStore } from '../../../src/stores/postgres/snapshot-store.ts';
import {
  bytesOf,
  criteria,
  failureOf,
  loaded,
  metadataOf,
  newId,
} from '../../contract/snapshot-store.contract.ts';
import { deps, dropSchema, postgresSettings, randomSchema, rawClient } from './postgres-server.ts';

describe('snapshots in PostgreSQL', function () {
  this.timeout(30_000);
  let operator: Client;
  let schema: string;
  before(async () => {
    operator = await rawClient();
  });
  after(() => operator.end());
  beforeEach(() => {
    schema = randomSchema();
  });
  afterEach(() => dropSchema(schema));

  const tables = async (): Promise<readonly string[]> => {
    const { rows } = await operator.query(
      'SELECT tablename FROM pg_tables WHERE schemaname = $1 ORDER BY 1',
      [schema],
    );
    return rows.map(({ tablename }) => tablename);
  };
  const setUp = (mode: 'create' | 'check' = 'create') =>
    setUpPostgresSnapshots(postgresSettings(schema), deps, { mode });

  it('have a table without those of the journal, which may be made after', async () => {
    const items = await setUp();
    expect(items).to.deep.equal([
      { name: `table ${schema}.snapshots`, state: 'created' },
      { name: `table ${schema}.setting`, state: 'created' },
    ]);
    expect(await tables()).to.deep.equal(['setting', 'snapshots']);
    await setUpPostgres(postgresSettings(schema), deps, { mode: 'create' });
    expect(await tables()).to.include.members(['event', 'snapshots', 'wake_ups']);
    expect((await setUp()).map(({ state }) => state)).to.deep.equal(['exists', 'exists']);
  });

  it('have a table that may be made after those of the journal, by many at once', async () => {
    await setUpPostgres(postgresSettings(schema), deps, { mode: 'create' });
    expect(await tables()).to.not.include('snapshots');
    await Promise.all([1, 2, 3, 4].map(() => setUp()));
    await setUp('check');
  });

  it('whose table is missing are refused with the statement, and nothing is made', async () => {
    const opening = () => openPostgresSnapshotStore(postgresSettings(schema), deps);
    expect(String(await failureOf(opening()))).to.include(`no schema ${schema}`);
    await setUpPostgres(postgresSettings(schema), deps, { mode: 'create' });
    for (const call of [opening(), setUp('check')]) {
      const error = await failureOf(call);
      expect(error).to.be.instanceOf(NotSetUpError);
      expect(String(error)).to.include(`no table ${schema}.snapshots`);
      expect(String(error)).to.include(
        `CREATE TABLE "${schema}".snapshots ( persistence_id text COLLATE "C" NOT NULL,`,
      );
    }
    expect(await tables()).to.not.include('snapshots');
  });

  it('need four rights on the one table, and name those that are missing', async () => {
    await setUpPostgres(postgresSettings(schema), deps, { mode: 'create' });
    await setUp();
    const password = randomBytes(9).toString('hex');
    const role = `client_${schema}`;
    await operator.query(`CREATE ROLE ${role} LOGIN PASSWORD '${password}'`);
    try {
      // As docs/snapshots.md says.
      await operator.query(`GRANT USAGE ON SCHEMA ${schema} TO ${role}`);
      await operator.query(
        `GRANT SELECT, INSERT, UPDATE, DELETE ON ${schema}.snapshots TO ${role}`,
      );
      const settings = postgresSettings(schema, { username: role, password });
      await using store = await openPostgresSnapshotStore(settings, deps);
      const id = newId();
      await store.save(metadataOf(id, 1, 1), bytesOf('one'));
      await store.save(metadataOf(id, 1, 2), bytesOf('again'));
      expect(await loaded(store, id)).to.deep.equal([1, 'again']);
      await store.delete(metadataOf(id, 1, 2));
      await store.deleteMatching(id, criteria({}));
      await operator.query(`REVOKE INSERT, DELETE ON ${schema}.snapshots FROM ${role}`);
      const error = await failureOf(openPostgresSnapshotStore(settings, deps));
      expect(error).to.be.instanceOf(AccessDeniedError);
      expect(String(error)).to.include(
        `lacks DELETE on ${schema}.snapshots, INSERT on ${schema}.snapshots`,
      );
    } finally {
      await dropSchema(schema);
      await operator.query(`DROP ROLE ${role}`);
    }
  });

  it('have a table that setup makes, of each store that is named, also beside an embedded journal', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'setup-'));
    const other = randomSchema();
    const { host, port, database, username, password } = postgresSettings(schema);
    const root = 'evolutiongaming.kafka-journal';
    const file = join(folder, 'application.conf');
    const server = `host = "${host}", port = ${port}, database = "${database}"`;
    const text = `
      akka.persistence {
        journal.plugin = "${root}.embedded.journal"
        snapshot-store.plugin = "${root}.snapshot-store.postgres"
        snapshot-store.auto-start-snapshot-stores = ["", "mine", "akka.persistence.snapshot-store.local"]
      }
      ${root}.postgres { ${server}, username = "${username}", password = "${password}"
        schema { name = ${schema}, auto-create = off } }
      mine { class = "builtin#PostgresSnapshotStore"
        postgres = \${${root}.postgres}
        postgres.schema.name = ${other} }`;
    writeFileSync(file, text, { mode: 0o600 });
    const lines: string[] = [];
    const { log } = console;
    console.log = (line: string) => void lines.push(line);
    try {
      expect(await runSetup(['--config', file])).to.equal(0);
    } finally {
      console.log = log;
      rmSync(folder, { recursive: true });
      await dropSchema(other);
    }
    expect(await tables()).to.deep.equal(['setting', 'snapshots']);
    expect(lines).to.deep.equal([
      `${root}.embedded.journal is embedded: its file is made by the first program that opens it`,
      `snapshot store ${root}.snapshot-store.postgres`,
      `  table ${schema}.snapshots: created`,
      `  table ${schema}.setting: created`,
      'snapshot store mine',
      `  table ${other}.snapshots: created`,
      `  table ${other}.setting: created`,
      'snapshot store akka.persistence.snapshot-store.local',
      '  made by the first program that opens it',
    ]);
  });
});
