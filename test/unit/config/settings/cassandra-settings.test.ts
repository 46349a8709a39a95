import { expect } from 'chai';
import type { CassandraSettings } from '../../../../src/config/settings/cassandra-settings.ts';
import { readKafkaJournalSettings } from '../../../../src/config/settings/journal-settings.ts';
import { cassandraIn, journal, load, messages } from '../loading.ts';

async function cassandraOf(text: string): Promise<CassandraSettings> {
  const config = await load(`${journal}.cassandra { ${text} }`);
  return cassandraIn(readKafkaJournalSettings(config).eventual);
}

describe('settings of Cassandra', () => {
  it('read replication as an object only', async () => {
    const strategy = 'schema.keyspace.replication-strategy';
    const network = await cassandraOf(
      `${strategy} { replication-strategy = NetworkTopology, network-topology.replication-factors = ["a:3", "b:2"] }`,
    );
    expect(network.schema.keyspace.replication).to.deep.equal({
      type: 'network-topology',
      factors: { a: 3, b: 2 },
    });
    expect(await messages(`${journal}.cassandra.${strategy} = SimpleStrategy`)).to.have.lengthOf(1);
  });

  it('read the login only whole', async () => {
    const { client } = await cassandraOf('client.authentication { username = u, password = p }');
    expect(client.authentication).to.deep.equal({ username: 'u', password: 'p' });
    expect(
      await messages(`${journal}.cassandra.client.authentication.username = u`),
    ).to.have.lengthOf(1);
  });

  it('refuse table names that are no plain identifiers', async () => {
    expect(
      await messages(`${journal}.cassandra.schema.journal-table = "j; DROP"`),
    ).to.have.lengthOf(1);
  });
});
