import { expect } from 'chai';
import { openSnapshotStore } from '../../src/compose/open-snapshot-store.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { readNamedSnapshotStores } from '../../src/config/settings/snapshot-store-settings.ts';
import { AccessDeniedError, NotSetUpError } from '../../src/index.ts';
import { SnapshotCriteria, type SnapshotStorePlugin } from '../../src/ports/snapshot-store.ts';
import {
  bytesOf,
  criteria,
  loaded,
  metadataOf,
  newId,
} from '../contract/snapshot-store.contract.ts';
import { quietDeps } from '../support/kafka/world.ts';
import { failureOf } from './counters.ts';
import { clientRightOn, type Operator, openOperator, plainCassandra } from './operator.ts';
import { setup } from './programs.ts';
import { securedWorld } from './secured-world.ts';

/** Code of the native protocol: the user lacks a permission. */
const unauthorized = 0x2100;
const path = 'evolutiongaming.kafka-journal.snapshot-store.cassandra';

describe('snapshots on a secured server', () => {
  const world = securedWorld();
  const { keyspace, logins } = world;
  const more = `akka.persistence.snapshot-store.plugin = "${path}"`;
  const client = world.configFile(logins.client, { more });
  let operator: Operator;

  before(async () => {
    operator = await openOperator(world);
  });

  after(async () => {
    await operator[Symbol.asyncDispose]();
    world[Symbol.dispose]();
  });

  /** As a client opens it. */
  async function open(): Promise<SnapshotStorePlugin> {
    const settings = readNamedSnapshotStores(await loadConfig({ file: client })).get(path);
    if (settings === undefined) throw new Error('the store is not named');
    return await openSnapshotStore(settings, quietDeps);
  }

  it('have no table that a client makes: it says which statement is missing', async () => {
    const plain = await setup(world.configFile(logins.admin));
    expect(plain.code, plain.stderr).to.equal(0);
    const error = await failureOf(open());
    expect(error).to.be.instanceOf(NotSetUpError);
    expect(error.message).to.include(`no table ${keyspace}.snapshots`);
    expect(error.message).to.include(`CREATE TABLE IF NOT EXISTS ${keyspace}.snapshots (`);
  });

  it('have a table that setup makes under the rights of an operator, once', async () => {
    const file = world.configFile(logins.admin, { more });
    for (const state of ['created', 'exists']) {
      const { code, stdout, stderr } = await setup(file);
      expect(code, stderr).to.equal(0);
      expect(stdout).to.include(`snapshot store ${path}`);
      expect(stdout).to.include(`table ${keyspace}.snapshots: ${state}`);
    }
  });

  it('are written and read by a client with SELECT and MODIFY on that table alone', async () => {
    const rights = ['SELECT', 'MODIFY'] as const;
    for (const right of rights) {
      await clientRightOn(world, operator.cassandra, [right, 'snapshots']).grant();
    }
    await using store = await open();
    const id = newId();
    await store.save(metadataOf(id, 1, 1), bytesOf('one'));
    await store.save(metadataOf(id, 2, 2), Buffer.alloc(3_000_000, 2));
    expect((await store.load(id, SnapshotCriteria.all))?.snapshot).to.have.length(3_000_000);
    await store.deleteMatching(id, criteria({ minTimestampMs: 2 }));
    expect(await loaded(store, id)).to.deep.equal([1, 'one']);
    await store.delete(metadataOf(id, 1, 0));
    await store.deleteMatching(id, SnapshotCriteria.all);
    expect(await loaded(store, id)).to.equal(undefined);
  });

  it('give a client no right on any other table', async () => {
    const plain = plainCassandra(world.servers, logins.client);
    try {
      for (const cql of [
        `INSERT INTO ${keyspace}.setting (key, value) VALUES ('a', 'b')`,
        `SELECT * FROM ${keyspace}.setting`,
        `TRUNCATE ${keyspace}.journal`,
        `CREATE TABLE ${keyspace}.more (a text PRIMARY KEY)`,
        `DROP TABLE ${keyspace}.snapshots`,
      ]) {
        expect(await failureOf(plain.execute(cql)), cql).to.include({ code: unauthorized });
      }
    } finally {
      await plain.shutdown();
    }
  });

  for (const permission of ['SELECT', 'MODIFY'] as const) {
    it(`are refused at the start without ${permission}, which is named`, async () => {
      const right = clientRightOn(world, operator.cassandra, [permission, 'snapshots']);
      const error = await operator.without(right, () => failureOf(open()));
      expect(error).to.be.instanceOf(AccessDeniedError);
      expect(error.message).to.include(permission).and.include('snapshots');
    });
  }
});
