import { readFileSync } from 'node:fs';
import type { Client } from 'cassandra-driver';
import { expect } from 'chai';
import { loadConfig } from '../../src/config/load-config.ts';
import { readKafkaJournalSettings } from '../../src/config/settings/journal-settings.ts';
import { AccessDeniedError } from '../../src/index.ts';
import { openKafkaActionProducer } from '../../src/kafka/producer/kafka-action-producer.ts';
import { Topic } from '../../src/model/position.ts';
import { waitUntilReplicated } from '../chaos/recovered.ts';
import { journalPath, quietDeps } from '../support/kafka/world.ts';
import { failureOf, recoveredSum, withCounters } from './counters.ts';
import { type Operator, openOperator, plainCassandra, plainKafka } from './operator.ts';
import { setup, startReplicatorProcess } from './programs.ts';
import { securedWorld } from './secured-world.ts';

/** Code of the native protocol: the user lacks a permission. */
const unauthorized = 0x2100;

describe('least rights on secured servers', () => {
  const world = securedWorld();
  const { topic, keyspace, logins } = world;
  const files = {
    admin: world.configFile(logins.admin),
    client: world.configFile(logins.client),
    replicator: world.configFile(logins.replicator),
  };
  let operator: Operator;

  before(async () => {
    operator = await openOperator(world);
  });

  after(async () => {
    await operator[Symbol.asyncDispose]();
    world[Symbol.dispose]();
  });

  it('setup creates topic, keyspace and tables under the rights of an operator', async () => {
    const { code, stderr } = await setup(files.admin);
    expect(code, stderr).to.equal(0);
    const [found] = (await operator.kafka.fetchTopicMetadata({ topics: [topic] })).topics;
    expect(found?.partitions).to.have.length(2);
    const tables = [...(await schemaOf(keyspace)).keys()].sort();
    expect(tables).to.deep.equal([
      'journal',
      'locks',
      'metajournal',
      'pointer2',
      'setting',
      'tenures',
      'tenures_until',
      'wake_up_buckets',
      'wake_up_keys',
      'wake_ups',
      'wake_ups_until',
    ]);
  });

  it('setup changes nothing when all is there', async () => {
    const earlier = await everythingOf(keyspace);
    const { code, stderr } = await setup(files.admin);
    expect(code, stderr).to.equal(0);
    expect(await everythingOf(keyspace)).to.deep.equal(earlier);
  });

  it('a client persists and recovers with WRITE and READ on the topic and SELECT', async () => {
    await operator.grantAll();
    const { sequenceNr } = await withCounters(files.client, async (counters) => {
      await counters.ask('a', { type: 'added', by: 1 });
      return await counters.ask('a', { type: 'added', by: 2 });
    });
    expect(sequenceNr).to.equal(3);
    expect(await recoveredSum(files.client, 'a')).to.equal(3);
    expect(await rows('journal')).to.equal(0);
  });

  it('a replicator replicates with READ on topic and group, SELECT and MODIFY', async () => {
    const replicator = startReplicatorProcess(files.replicator);
    try {
      // It looks with the rights of the client: how far replication got is for everybody to see.
      await waitUntilReplicated(readFileSync(files.client, 'utf8'), topic);
    } finally {
      expect(await replicator.stop()).to.equal(0);
    }
    expect(replicator.errors()).to.deep.equal([]);
    expect(await rows('journal')).to.equal(3);
    const groupId = `replicator-${topic}`;
    const [committed] = await operator.kafka.fetchOffsets({ groupId, topics: [topic] });
    const offsets = committed?.partitions.map(({ offset }) => Number(offset)) ?? [];
    expect(Math.max(...offsets)).to.be.above(0);
  });

  it('a client recovers from Cassandra, and goes on', async () => {
    expect(await recoveredSum(files.client, 'a')).to.equal(3);
    const next = withCounters(files.client, (it) => it.ask('a', { type: 'added', by: 4 }));
    expect((await next).sequenceNr).to.equal(4);
    expect(await rows('journal')).to.equal(3);
  });

  it('a client cannot write to Cassandra: nothing of it ever needs to', async () => {
    const client = plainCassandra(world.servers, logins.client);
    try {
      for (const table of (await schemaOf(keyspace)).keys()) {
        const error = await failureOf(client.execute(`TRUNCATE ${keyspace}.${table}`));
        expect(error).to.include({ code: unauthorized });
      }
      const insert = `INSERT INTO ${keyspace}.setting (key, value) VALUES ('a', 'b')`;
      const error = await failureOf(client.execute(insert));
      expect(error).to.include({ code: unauthorized });
      expect(error.message).to.include('MODIFY');
    } finally {
      await client.shutdown();
    }
  });

  it('a replicator cannot produce: nothing of it ever needs to', async () => {
    const producer = plainKafka(world.servers, logins.replicator).producer({
      retry: { retries: 0 },
    });
    await producer.connect();
    try {
      const error = await failureOf(producer.send({ topic, messages: [{ value: 'x' }] }));
      expect(error).to.include({ type: 'TOPIC_AUTHORIZATION_FAILED' });
    } finally {
      await producer.disconnect();
    }
  });

  it('the producer says which right a replicator lacks', async () => {
    const config = await loadConfig({ file: files.replicator });
    const { kafka } = readKafkaJournalSettings(config, journalPath);
    const opening = openKafkaActionProducer(kafka, quietDeps, { topic: Topic.of(topic) });
    const error = await failureOf(opening);
    expect(error).to.be.instanceOf(AccessDeniedError);
    expect(error.message).to.include(`WRITE on topic ${topic}`);
  });

  /** Columns by table. */
  async function schemaOf(name: string): Promise<ReadonlyMap<string, readonly string[]>> {
    const cql = 'SELECT table_name, column_name FROM system_schema.columns WHERE keyspace_name = ?';
    const { rows: found } = await operator.cassandra.execute(cql, [name]);
    const tables = Map.groupBy(found, (row) => String(row['table_name']));
    return new Map(
      [...tables].map(([table, columns]) => [table, columns.map((row) => row['column_name'])]),
    );
  }

  async function everythingOf(name: string) {
    const all = async (client: Client, cql: string) => (await client.execute(cql)).rows;
    const { kafka, cassandra } = operator;
    return {
      topic: await kafka.fetchTopicMetadata({ topics: [topic] }),
      ends: await kafka.fetchTopicOffsets(topic),
      tables: await all(
        cassandra,
        `SELECT table_name, id FROM system_schema.tables WHERE keyspace_name = '${name}'`,
      ),
      settings: await all(
        cassandra,
        `SELECT key, value, writetime(value) AS written FROM ${name}.setting`,
      ),
      locks: await all(cassandra, `SELECT * FROM ${name}.locks`),
    };
  }

  async function rows(table: string): Promise<number> {
    const { rows: found } = await operator.cassandra.execute(
      `SELECT count(*) AS n FROM ${keyspace}.${table}`,
    );
    return Number(found[0]?.['n']);
  }
});
