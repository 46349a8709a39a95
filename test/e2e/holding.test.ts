import { expect } from 'chai';
import { Events, NotOwnerError, NotSetUpError, openJournals, SeqNr } from '../../src/index.ts';
import { waitUntilReplicated } from '../chaos/recovered.ts';
import * as cassandra from '../integration/cassandra/cassandra-server.ts';
import { deleteTopic } from '../integration/kafka/kafka-fixture.ts';
import * as postgres from '../integration/postgres/postgres-server.ts';
import { runReplicator } from '../support/kafka/in-process-replicator.ts';
import { kafkaWorld } from '../support/kafka/world.ts';

type World = ReturnType<typeof kafkaWorld>;

interface Store {
  readonly name: string;
  readonly world: () => World;
  /** The store forgets how far opening marks are known, as if a JVM replicator had moved R. */
  readonly forgetW: (world: World) => Promise<void>;
  readonly drop: (world: World) => Promise<void>;
}

const stores: readonly Store[] = [
  {
    name: 'Cassandra',
    world: () => kafkaWorld(),
    async forgetW({ keyspace }) {
      const client = await cassandra.rawClient();
      await client.execute(`TRUNCATE ${keyspace}.tenures_until`);
      await client.shutdown();
    },
    drop: ({ keyspace }) => cassandra.dropKeyspace(keyspace),
  },
  {
    name: 'PostgreSQL',
    world: () => kafkaWorld({ postgres: postgres.postgresAddress() }),
    async forgetW({ keyspace }) {
      const client = await postgres.rawClient();
      await client.query(`DELETE FROM ${keyspace}.tenures_until`);
      await client.end();
    },
    drop: ({ keyspace }) => postgres.dropSchema(keyspace),
  },
];

for (const { name, ...store } of stores) {
  describe(`a held journal on Kafka and ${name}`, () => {
    let world: World;
    before(() => {
      world = store.world();
    });
    after(async () => {
      await store.drop(world);
      await deleteTopic(world.topic);
    });

    it('is that of the last process that held it, before and after replication', async () => {
      const { configText: config, topic } = world;
      await using first = await openJournals({ config });
      await using second = await openJournals({ config });
      const key = first.keyOf('k');
      const loser = await first.hold(key);
      await loser.append(eventOf(1));
      await loser.append(eventOf(2));
      const winner = await second.hold(key);
      expect(await winner.pointer()).to.equal(2);
      const refused = await failureOf(loser.append(eventOf(3)));
      expect(refused).to.be.instanceOf(NotOwnerError);
      expect(refused).to.have.nested.property('owner.offset', winner.tenure.of);
      await winner.append(eventOf(3));
      expect(await numbersIn(config)).to.deep.equal([1, 2, 3]);
      await replicate(config, topic);
      expect(await numbersIn(config)).to.deep.equal([1, 2, 3]);
      const again = await first.hold(key);
      expect(await again.pointer()).to.equal(3);
      await again.append(eventOf(4));
      expect(winner.signal.reason).to.be.instanceOf(NotOwnerError);
    });

    it('cannot be held where the replicator keeps no opening marks; it is written as it is', async () => {
      const { configText: config, topic } = world;
      await replicate(config, topic);
      await store.forgetW(world);
      await using journals = await openJournals({ config });
      const key = journals.keyOf('k');
      const refused = await failureOf(journals.hold(key));
      expect(refused).to.be.instanceOf(NotSetUpError);
      expect(refused).to.have.property('message').that.contains('keeps no opening marks');
      await journals.of(key).append(eventOf(5));
      expect(await numbersIn(config)).to.deep.equal([1, 2, 3, 4, 5]);
    });
  });
}

async function replicate(config: string, topic: string): Promise<void> {
  await using _ = await runReplicator(config);
  await waitUntilReplicated(config, topic);
}

async function numbersIn(config: string): Promise<number[]> {
  await using journals = await openJournals({ config });
  const found: number[] = [];
  for await (const records of journals.of(journals.keyOf('k')).read())
    found.push(...records.map(({ event }) => event.seqNr));
  return found;
}

function failureOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => expect.fail('it should have been refused'),
    (error: unknown) => error,
  );
}

function eventOf(number: number): Events {
  return Events.of([{ seqNr: SeqNr.of(number), tags: [], payload: undefined }]);
}
