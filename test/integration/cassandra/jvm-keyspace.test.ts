import type { Client } from 'cassandra-driver';
import { expect } from 'chai';
import { Key } from '../../../src/model/key.ts';
import type { Topic } from '../../../src/model/position.ts';
import { type Logger, silentLogger } from '../../../src/observability/logger.ts';
import { openCassandraEventualJournal } from '../../../src/stores/cassandra/eventual-journal.ts';
import { openCassandraReplicatedJournal } from '../../../src/stores/cassandra/replicated-journal.ts';
import { setUpCassandra } from '../../../src/stores/cassandra/schema/create-schema.ts';
import * as given from '../../contract/replicated-store.ts';
import {
  cassandraSettings,
  deps,
  dropKeyspace,
  randomKeyspace,
  rawClient,
} from './cassandra-server.ts';

/** What version 11 of the JVM system sends to an empty cluster, word for word but for the name. */
const jvmSchema = (keyspace: string) => [
  `CREATE KEYSPACE IF NOT EXISTS ${keyspace} WITH REPLICATION = { 'class' : 'SimpleStrategy','replication_factor':1 }`,
  `CREATE TABLE IF NOT EXISTS ${keyspace}.journal (id text, topic text, segment bigint, seq_nr bigint, partition int,
    offset bigint, timestamp timestamp, origin text, version text, meta_record_id uuid, tags set<text>, metadata text,
    payload_type text, payload_txt text, payload_bin blob, headers map<text, text>,
    PRIMARY KEY ((id, topic, segment), seq_nr, timestamp))`,
  `CREATE TABLE IF NOT EXISTS ${keyspace}.pointer2 (topic text, partition int, offset bigint, created timestamp,
    updated timestamp, PRIMARY KEY ((topic, partition)))`,
  `CREATE TABLE IF NOT EXISTS ${keyspace}.setting (key text, value text, timestamp timestamp, origin text, metadata text,
    PRIMARY KEY (key))`,
  `CREATE TABLE IF NOT EXISTS ${keyspace}.metajournal (id text, topic text, segment bigint, partition int, offset bigint,
    segment_size int, seq_nr bigint, delete_to bigint, created timestamp, created_date date, updated timestamp,
    expire_after duration, expire_on date, record_id uuid, origin text, properties map<text,text>, metadata text,
    PRIMARY KEY ((topic, segment), id))`,
  `CREATE INDEX IF NOT EXISTS metajournal_created_date_idx ON ${keyspace}.metajournal (created_date)`,
  `CREATE INDEX IF NOT EXISTS metajournal_expire_on_idx ON ${keyspace}.metajournal (expire_on)`,
  `CREATE TABLE IF NOT EXISTS ${keyspace}.locks (id text PRIMARY KEY, expiry_ms bigint, timestamp timestamp, metadata text)`,
  `INSERT INTO ${keyspace}.setting (key, value, timestamp, origin) VALUES ('schema-version', '8', 1700000000000, null)`,
];

const generation = 'c7d83be9-73ee-4a34-91c9-31b9ebd1f6a4';

/** Event `number` as the JVM replicator inserts it: what is absent is not named. */
const event = ({ topic, id }: Key, number: number, { size = 10_000, recordId = '' } = {}) =>
  `(id, topic, segment, seq_nr, partition, offset, timestamp, origin, tags, payload_type, payload_txt, metadata, headers` +
  `${recordId && ', meta_record_id'}) VALUES ('${id}', '${topic}', ${Math.floor((number - 1) / size)}, ${number}, 0, ` +
  `${number - 1}, 1700000000000, 'jvm', {}, 'json', '{"n":${number}}', '{"header":{},"payload":{}}', {}` +
  `${recordId && `, ${recordId}`})`;

/** `legacy`: made when the metajournal had 100 segments, long before record ids. */
interface Journals {
  readonly legacy: Key;
  readonly current: Key;
}

const jvmRows = (keyspace: string, { legacy, current }: Journals) => [
  ...[1, 2, 3].map((n) => `INSERT INTO ${keyspace}.journal ${event(legacy, n, { size: 2 })}`),
  `INSERT INTO ${keyspace}.metajournal (id, topic, segment, partition, offset, segment_size, seq_nr, created, created_date, updated)
    VALUES ('id', '${legacy.topic}', 55, 0, 2, 2, 3, 1700000000000, '2023-11-14', 1700000000000)`,
  ...[2, 3].map(
    (n) => `INSERT INTO ${keyspace}.journal ${event(current, n, { recordId: generation })}`,
  ),
  `INSERT INTO ${keyspace}.metajournal (id, topic, segment, partition, offset, segment_size, seq_nr, delete_to, created, created_date,
    updated, expire_after, expire_on, record_id, origin) VALUES ('a', '${current.topic}', 97, 0, 2, 10000, 3, 1, 1700000000000, '2023-11-14',
    1700000000000, 1d, '2023-11-15', ${generation}, 'jvm')`,
  `INSERT INTO ${keyspace}.pointer2 (topic, partition, offset, updated) VALUES ('${current.topic}', 0, 2, 1700000000000)`,
];

describe('a keyspace that the JVM system made', function () {
  this.timeout(60_000);
  const keyspace = randomKeyspace();
  const settings = cassandraSettings(keyspace, { segmentSize: 500 });
  let client: Client;
  let store: given.ReplicatedStore;
  before(async () => {
    client = await rawClient();
    for (const cql of jvmSchema(keyspace)) await client.execute(cql);
    const replicated = await openCassandraReplicatedJournal(settings, deps);
    const eventual = await openCassandraEventualJournal(settings, deps);
    store = {
      replicated,
      eventual,
      segmentSize: 500,
      async [Symbol.asyncDispose]() {
        await replicated[Symbol.asyncDispose]();
        await eventual[Symbol.asyncDispose]();
      },
    };
  });
  after(async () => {
    await store?.[Symbol.asyncDispose]();
    await client.shutdown();
    await dropKeyspace(keyspace);
  });

  /** A topic of its own, and its two journals as the JVM system left them. */
  async function stored(): Promise<Journals & { readonly topic: Topic }> {
    const topic = given.randomTopic();
    const journals = { legacy: Key.of(topic, 'id'), current: Key.of(topic, 'a') };
    for (const cql of jvmRows(keyspace, journals)) await client.execute(cql);
    return { topic, ...journals };
  }
  const claim = (topic: Topic) =>
    store.replicated.claim(topic, given.place(0).partition, { nowMs: given.nowMs });
  const segmentOf = async ({ topic, id }: Key, segment: number) => {
    const cql = `SELECT * FROM ${keyspace}.metajournal WHERE topic = ? AND segment = ? AND id = ?`;
    return (await client.execute(cql, [topic, segment, id], { prepare: true })).rows;
  };

  it('passes the check, and needs no DDL but for the tables of tenures and wake-ups', async () => {
    await setUpCassandra(settings, deps, { mode: 'check' });
    const statements: unknown[] = [];
    const log: Logger = { ...silentLogger, info: ({ cql }) => void statements.push(cql) };
    await setUpCassandra(settings, { ...deps, log }, { mode: 'create' });
    await setUpCassandra(settings, { ...deps, log }, { mode: 'create' });
    const tables = statements.map((cql) => String(cql).replace(/ \(.*/, ''));
    expect(tables).to.deep.equal(
      [
        'tenures',
        'tenures_until',
        'wake_up_keys',
        'wake_ups',
        'wake_up_buckets',
        'wake_ups_until',
      ].map((name) => `CREATE TABLE IF NOT EXISTS ${keyspace}.${name}`),
    );
  });

  it('is read: rows of both metajournal layouts, with and without record ids', async () => {
    const { topic, legacy, current } = await stored();
    expect(await given.visible(store, legacy)).to.deep.equal([1, 2, 3]);
    expect(await given.visible(store, current)).to.deep.equal([2, 3]);
    expect(await store.eventual.pointer(current)).to.deep.include({ recordId: generation });
    const ids: string[] = [];
    for await (const id of store.eventual.ids(topic)) ids.push(id);
    expect(ids.toSorted()).to.deep.equal(['a', 'id']);
  });

  it('goes on where it stands: the pointer moves, the journals keep segment, size and generation', async () => {
    const { topic, legacy, current } = await stored();
    expect(await claim(topic)).to.equal(2);
    const handles = [await store.replicated.open(legacy), await store.replicated.open(current)];
    for (const handle of handles) await handle.append(given.append(5, [4, 6]), given.nowMs);
    await store.replicated.saveOffset(given.move(topic, given.place(5), 2), given.nowMs);
    expect(await store.eventual.offset(topic, given.place(5).partition)).to.equal(5);

    expect(await given.visible(store, legacy)).to.deep.equal([1, 2, 3, 4, 5, 6]);
    expect(await given.visible(store, current)).to.deep.equal([2, 3, 4, 5, 6]);
    expect(await segmentOf(legacy, 55)).to.have.length(1);
    expect(await segmentOf(legacy, 3355)).to.have.length(0);
    const { rows } = await client.execute(
      `SELECT segment, meta_record_id FROM ${keyspace}.journal WHERE id = 'id' AND topic = '${topic}' AND segment = 2`,
    );
    expect(rows.map((row) => row['meta_record_id'])).to.deep.equal([null, null]);
  });

  it('is deleted from, purged, and begun again in the first segment', async () => {
    const { topic, legacy } = await stored();
    await claim(topic);
    const handle = await store.replicated.open(legacy);
    await handle.delete(given.deletion(3, 2), given.nowMs);
    const rest = await given.stored({ ...store, segmentSize: 2 }, legacy, { to: 9 });
    expect(rest).to.deep.equal([3]);
    await handle.purge(given.purge(4), given.nowMs + 1);
    expect(await segmentOf(legacy, 55)).to.have.length(0);
    await handle.append(given.append(5, [1]), given.nowMs + 2);
    expect(await segmentOf(legacy, 3355)).to.have.length(1);
    expect(await given.visible(store, legacy)).to.deep.equal([1]);
  });

  it('lists what has expired, whichever layout it lies in', async () => {
    const { topic } = await stored();
    const insert = `INSERT INTO ${keyspace}.metajournal (id, topic, segment, partition, offset, segment_size, seq_nr, expire_after,
      expire_on) VALUES ('ID', '${topic}', 55, 0, 3, 100, 1, 1d, '2024-02-29')`;
    await client.execute(insert);
    const day = '2024-02-29';
    const found: unknown[] = [];
    for (const index of [0, 1, 2, 3]) {
      const range = { topic, share: { index, of: 4 }, from: day, to: day };
      for await (const page of store.replicated.expired(range)) found.push(...page);
    }
    expect(found).to.deep.equal([{ id: 'ID', at: given.place(3), expireOn: day }]);
  });
});
