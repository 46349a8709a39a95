import { Client } from 'cassandra-driver';
import { expect } from 'chai';
import { DriverConnections } from '../../src/stores/cassandra/driver-connections.ts';
import { cassandraState, kafkaBrokers, parseAddress } from '../support/stack/probes.ts';
import { joinStack } from '../support/stack/shared-stack.ts';
import type { Stack } from '../support/stack/stack.ts';

describe('the servers of a `keep` stack', () => {
  let stack: Stack;

  before(async () => {
    stack = await joinStack();
  });

  after(() => stack[Symbol.asyncDispose]());

  it('come back on the same address after kill -9 of Kafka', async () => {
    await stack.kafka.kill('SIGKILL');
    const whileDown = await kafkaBrokers(stack.kafka.address).catch((error: Error) => error);
    await stack.kafka.start();
    expect(whileDown).to.be.instanceOf(Error);
    expect(await kafkaBrokers(stack.kafka.address)).to.deep.equal([1]);
  });

  it('come back with every acknowledged row after kill -9 of Cassandra', async () => {
    const rows = 200;
    await using before = await openClient(stack);
    await before.client.execute(
      `CREATE KEYSPACE chaos_stack WITH replication = {'class':'SimpleStrategy','replication_factor':1}`,
    );
    await before.client.execute('CREATE TABLE chaos_stack.rows (id int PRIMARY KEY)');
    const insert = 'INSERT INTO chaos_stack.rows (id) VALUES (?)';
    const ids = Array.from({ length: rows }, (_, id) => id);
    await Promise.all(ids.map((id) => before.client.execute(insert, [id], { prepare: true })));
    await stack.cassandra.kill('SIGKILL');
    await stack.cassandra.start();
    expect(await cassandraState(stack.cassandra.address)).to.equal('ready');
    await using after = await openClient(stack);
    const found = await after.client.execute('SELECT count(*) AS n FROM chaos_stack.rows');
    expect(Number(found.first()?.n)).to.equal(rows);
  });
});

async function openClient({ cassandra }: Stack) {
  const { host, port } = parseAddress(cassandra.address);
  const client = new Client({
    contactPoints: [host],
    protocolOptions: { port },
    localDataCenter: cassandra.datacenter,
  });
  // Its own shutdown would leave a host behind that it has replaced while the server was down.
  const connections = new DriverConnections(client);
  await connections.connect();
  return { client, [Symbol.asyncDispose]: () => connections.close() };
}
