import type { Client } from 'cassandra-driver';
import { expect } from 'chai';
import type { KeyspaceReplication } from '../../../src/config/settings/cassandra-settings.ts';
import { setUpCassandra } from '../../../src/stores/cassandra/schema/create-schema.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';
import {
  cassandraSettings,
  deps,
  dropKeyspace,
  randomKeyspace,
  rawClient,
} from './cassandra-server.ts';

describe('a keyspace and its settings', function () {
  this.timeout(60_000);
  let client: Client;
  const keyspace = randomKeyspace();
  before(async () => {
    client = await rawClient();
  });
  after(async () => {
    await client.shutdown();
    await dropKeyspace(keyspace);
  });

  /** The warnings of a start with that setting. */
  async function warnings(replication: KeyspaceReplication, autoCreate = true) {
    const settings = cassandraSettings(keyspace, { keyspaceAutoCreate: autoCreate });
    const { schema } = settings;
    const changed = { ...schema, keyspace: { ...schema.keyspace, replication } };
    const log = new RecordingLogger();
    await setUpCassandra({ ...settings, schema: changed }, { ...deps, log }, { mode: 'create' });
    return log.lines.filter(({ level }) => level === 'warn');
  }

  it('schema settings differ from what the keyspace was created with: a warning with both', async () => {
    const one = { type: 'simple', factor: 1 } as const;
    const three = { type: 'network-topology', factors: { dc1: 1, dc2: 3 } } as const;
    expect(await warnings(one), 'created now').to.deep.equal([]);
    expect(await warnings(one), 'the same').to.deep.equal([]);
    expect(await warnings(three)).to.deep.equal([
      {
        level: 'warn',
        message: 'the keyspace has another replication than its settings say',
        fields: {
          keyspace,
          stored: 'SimpleStrategy replication_factor 1',
          configured: 'NetworkTopologyStrategy dc1 1 dc2 3',
        },
      },
    ]);
    expect(await warnings(three, false), 'it is none of this program').to.deep.equal([]);
    await client.execute(
      `ALTER KEYSPACE ${keyspace} WITH REPLICATION = {'class': 'NetworkTopologyStrategy', 'datacenter1': 1}`,
    );
    const [line] = await warnings(one);
    expect(line?.fields).to.include({ stored: 'NetworkTopologyStrategy datacenter1 1' });
    const same = { type: 'network-topology', factors: { datacenter1: 1 } } as const;
    expect(await warnings(same)).to.deep.equal([]);
  });
});
