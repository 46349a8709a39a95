import type { Client } from 'cassandra-driver';
import { expect } from 'chai';
import { CodecError, NotSetUpError, WriteRejectedError } from '../../../src/model/errors.ts';
import { SnapshotCriteria } from '../../../src/ports/snapshot-store.ts';
import {
  setUpCassandra,
  setUpCassandraSnapshots,
} from '../../../src/stores/cassandra/schema/create-schema.ts';
import { openCassandraSession } from '../../../src/stores/cassandra/session.ts';
import { openCassandraSnapshotStore } from '../../../src/stores/cassandra/snapshot-store.ts';
import {
  criteria,
  failureOf,
  loaded,
  metadataOf,
  newId,
} from '../../contract/snapshot-store.contract.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';
import {
  cassandraSettings,
  deps,
  dropKeyspace,
  randomKeyspace,
  rawClient,
} from './cassandra-server.ts';

const keyspace = randomKeyspace();
const table = 'snapshots';
const settingsOf = (change: Parameters<typeof cassandraSettings>[1] = {}, ttlSeconds?: number) => ({
  cassandra: cassandraSettings(keyspace, change),
  table,
  ttlSeconds,
});

describe('snapshots in Cassandra', function () {
  this.timeout(30_000);
  let operator: Client;
  before(async () => {
    operator = await rawClient();
    await setUpCassandraSnapshots(settingsOf(), deps, { mode: 'create' });
  });
  after(async () => {
    await operator.shutdown();
    await dropKeyspace(keyspace);
  });

  const tables = async (): Promise<readonly string[]> => {
    const cql = 'SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?';
    const { rows } = await operator.execute(cql, [keyspace]);
    return rows.map((row) => row['table_name']);
  };
  const rowsOf = async (id: string): Promise<number> => {
    const cql = `SELECT seq_nr FROM ${keyspace}.${table} WHERE persistence_id = ?`;
    return (await operator.execute(cql, [id], { prepare: true })).rowLength;
  };

  it('have a table without those of the journal, which may be made before or after', async () => {
    expect(await tables()).to.have.members(['locks', 'snapshots']);
    await setUpCassandra(cassandraSettings(keyspace), deps, { mode: 'create' });
    expect(await tables()).to.include.members(['journal', 'snapshots', 'wake_ups']);
    const again = await setUpCassandraSnapshots(settingsOf(), deps, { mode: 'create' });
    expect(again.map(({ state }) => state)).to.not.include('created');
  });

  it('whose table is missing, or is not ours, are refused with the statement', async () => {
    for (const [name, missing] of [
      ['absent', `no table ${keyspace}.absent`],
      ['locks', `no column ${keyspace}.locks.persistence_id`],
    ] as const) {
      const error = await failureOf(
        openCassandraSnapshotStore({ ...settingsOf(), table: name }, deps),
      );
      expect(error).to.be.instanceOf(NotSetUpError);
      expect(String(error)).to.include(missing);
      expect(String(error)).to.include(
        `CREATE TABLE IF NOT EXISTS ${keyspace}.${name} (persistence_id text, seq_nr bigint, ` +
          'save text, part int, timestamp bigint, parts int, parts_of text, snapshot blob, ' +
          'PRIMARY KEY (persistence_id, seq_nr, save, part)) ' +
          'WITH CLUSTERING ORDER BY (seq_nr DESC, save ASC, part ASC)',
      );
    }
  });

  it('that are cut off while they are saved leave the one before or the new one, whole', async () => {
    const { contactPoints, port } = cassandraSettings(keyspace).client;
    await using proxy = await TcpProxy.open({ host: contactPoints[0] ?? '', port });
    const client = { contactPoints: ['127.0.0.1'], readTimeoutMs: 500 };
    await using cut = await openCassandraSnapshotStore(
      settingsOf({
        port: proxy.port,
        client: { ...settingsOf().cassandra.client, ...client, port: proxy.port },
      }),
      deps,
    );
    await using store = await openCassandraSnapshotStore(settingsOf(), deps);
    const id = newId();
    const size = 6_000_000;
    await store.save(metadataOf(id, 1, 1), Buffer.alloc(size, 1));
    for (let attempt = 2; attempt < 5; attempt++) {
      const before = await rowsOf(id);
      const saving = failureOf(cut.save(metadataOf(id, 1, attempt), Buffer.alloc(size, attempt)));
      const until = Date.now() + 2_000;
      while ((await rowsOf(id)) === before && Date.now() < until);
      proxy.cut();
      await saving;
      const stored = await store.load(id, SnapshotCriteria.all);
      const at = stored?.metadata.timestampMs ?? 0;
      expect(Buffer.alloc(size, at).equals(stored?.snapshot ?? Buffer.alloc(0))).to.equal(true);
    }
    await store.deleteMatching(id, SnapshotCriteria.all);
    expect(await rowsOf(id)).to.equal(0);
  });

  it('count by their head: parts of a save that did not end are none', async () => {
    await using store = await openCassandraSnapshotStore(settingsOf(), deps);
    const id = newId();
    await store.save(metadataOf(id, 5, 1), Buffer.from('five'));
    const giveUp = new AbortController();
    const signal = giveUp.signal;
    const saving = failureOf(store.save(metadataOf(id, 6, 2), Buffer.alloc(9_000_000), { signal }));
    while ((await rowsOf(id)) < 2);
    giveUp.abort(new Error('enough'));
    expect(await saving).to.equal(signal.reason);
    expect(await rowsOf(id)).to.be.above(1);
    expect(await loaded(store, id)).to.deep.equal([5, 'five']);
    expect(await loaded(store, id, { minTimestampMs: 1 })).to.deep.equal([5, 'five']);
    expect(await loaded(store, id, { minSeqNr: 6 })).to.equal(undefined);
  });

  it('of which a part is missing are an error that says so', async () => {
    await using store = await openCassandraSnapshotStore(settingsOf(), deps);
    const id = newId();
    await store.save(metadataOf(id, 1, 1), Buffer.alloc(3_000_000));
    const cql = `SELECT save FROM ${keyspace}.${table} WHERE persistence_id = ?`;
    const { rows } = await operator.execute(cql, [id], { prepare: true });
    const remove = `DELETE FROM ${keyspace}.${table} WHERE persistence_id = ? AND seq_nr = 1 AND save = ? AND part = 1`;
    await operator.execute(remove, [id, rows.at(-1)?.['save']], { prepare: true });
    const error = await failureOf(store.load(id, SnapshotCriteria.all));
    expect(error).to.be.instanceOf(CodecError);
    expect(String(error)).to.include('has 2 of its 3 parts');
    expect((error as CodecError).place).to.include({ id, seqNr: 1 });
  });

  it('that replace one while it is deleted by its time stay', async () => {
    await using store = await openCassandraSnapshotStore(settingsOf(), deps);
    const id = newId();
    for (let round = 1; round < 30; round++) {
      await store.save(metadataOf(id, 1, round), Buffer.from(`${round}`));
      await Promise.all([
        store.delete(metadataOf(id, 1, round)),
        store.save(metadataOf(id, 1, 1_000 + round), Buffer.from('next')),
      ]);
      expect(await loaded(store, id)).to.deep.equal([1, 'next']);
    }
  });

  it('expire with a ttl, heads and parts, parts later', async () => {
    await using store = await openCassandraSnapshotStore(settingsOf({}, 100), deps);
    const id = newId();
    await store.save(metadataOf(id, 1, 1), Buffer.from('small'));
    await store.save(metadataOf(id, 2, 1), Buffer.alloc(2_000_000));
    const cql = `SELECT save, TTL(snapshot) AS left, TTL(timestamp) AS head FROM ${keyspace}.${table} WHERE persistence_id = ?`;
    const { rows } = await operator.execute(cql, [id], { prepare: true });
    for (const { save, left, head } of rows) {
      if (save === '') expect(head).to.be.within(60, 100);
      else expect(left).to.be.within(3_660, 3_700);
    }
    expect(rows).to.have.length(4);
    expect(await loaded(store, id, criteria({ maxSeqNr: 1 }))).to.deep.equal([1, 'small']);
  });

  it('hold no row that a server refuses: what is too large for it is rejected', async () => {
    await using session = await openCassandraSession(cassandraSettings(keyspace), deps);
    const cql = `INSERT INTO ${keyspace}.${table} (persistence_id, seq_nr, save, part, snapshot) VALUES (?, 1, '', 0, ?)`;
    const error = await failureOf(session.write(cql, [newId(), Buffer.alloc(20_000_000)]));
    expect(error).to.be.instanceOf(WriteRejectedError);
  });
});
