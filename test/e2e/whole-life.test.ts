import { expect } from 'chai';
import { waitFor } from 'xstate';
import { openJournals } from '../../src/compose/open-journals.ts';
import { createPersistence, isReady, type Persistence } from '../../src/index.ts';
import { waitUntilReplicated } from '../chaos/recovered.ts';
import { dropKeyspace, rawClient } from '../integration/cassandra/cassandra-server.ts';
import { counter } from '../support/counter.ts';
import { runReplicator } from '../support/kafka/in-process-replicator.ts';
import { kafkaWorld } from '../support/kafka/world.ts';

describe("one event's whole life, on real Kafka and Cassandra", () => {
  const world = kafkaWorld();
  const { configText, topic, keyspace } = world;

  after(() => dropKeyspace(keyspace));

  it('is acknowledged by Kafka alone and recovered by another system of actors', async () => {
    const sequenceNr = await withCounters((counters) => addUpTo(counters, 5));
    expect(sequenceNr).to.equal(6);
    expect(await rowCount()).to.equal(0);
    expect(await withCounters(recoveredSum)).to.equal(15);
  });

  it('is carried into Cassandra by the replicator, in the tables of the JVM system', async () => {
    await replicate();
    expect(await rowCount()).to.equal(6);
    const { rows } = await query(
      `SELECT seq_nr, payload_type, payload_txt FROM ${keyspace}.journal`,
    );
    const texts = rows.map((row) => JSON.parse(row['payload_txt']));
    expect(texts.map(({ payload }) => payload)).to.deep.equal([
      { type: 'xstate.init', input: { id: 'a' } },
      ...[1, 2, 3, 4, 5].map((by) => ({ type: 'added', by })),
    ]);
  });

  it('recovers the same from Cassandra', async () => {
    expect(await withCounters(recoveredSum)).to.equal(15);
  });

  it('goes on after the last number, from both stores', async () => {
    expect(await withCounters((counters) => addUpTo(counters, 1))).to.equal(7);
    expect(await withCounters(recoveredSum)).to.equal(16);
  });

  it('stays deleted and purged before and after replication', async () => {
    const journals = await openJournals({ config: configText });
    try {
      const journal = journals.of(journals.keyOf('counter-a'));
      await journal.purge();
      expect(await journal.pointer()).to.equal(undefined);
      await replicate();
      expect(await journal.pointer()).to.equal(undefined);
      expect(await rowCount()).to.equal(0);
    } finally {
      await journals[Symbol.asyncDispose]();
    }
  });

  async function withCounters<T>(use: (counters: Counters) => Promise<T>): Promise<T> {
    const persistence = await createPersistence({ config: configText });
    try {
      return await use(countersOf(persistence));
    } finally {
      await persistence.shutdown();
    }
  }

  async function replicate(): Promise<void> {
    await using _replicator = await runReplicator(configText);
    await waitUntilReplicated(configText, topic);
  }

  async function rowCount(): Promise<number> {
    const { rows } = await query(`SELECT count(*) AS n FROM ${keyspace}.journal`);
    return Number(rows[0]?.['n']);
  }
});

type Counters = ReturnType<typeof countersOf>;

function countersOf(persistence: Persistence) {
  const persistenceId = ({ input }: { input: { id: string } }): string => `counter-${input.id}`;
  return persistence.entities('counter', persistence.persistent(counter, { persistenceId }));
}

async function addUpTo(counters: Counters, count: number): Promise<number> {
  let last = 0;
  for (let by = 1; by <= count; by++) {
    last = (await counters.ask('a', { type: 'added', by })).sequenceNr;
  }
  return last;
}

async function recoveredSum(counters: Counters): Promise<number> {
  return (await waitFor(counters.ref('a'), isReady)).context.sum;
}

async function query(cql: string) {
  const client = await rawClient();
  try {
    return await client.execute(cql);
  } finally {
    await client.shutdown();
  }
}
