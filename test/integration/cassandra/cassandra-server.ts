import { randomBytes } from 'node:crypto';
import { Client } from 'cassandra-driver';
import type { CassandraSettings } from '../../../src/config/settings/cassandra-settings.ts';
import { silentLogger } from '../../../src/observability/logger.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import type { CassandraDeps } from '../../../src/stores/cassandra/session-types.ts';
import { parseAddress } from '../../support/stack/probes.ts';
import { requireVariable } from '../../support/stack/server-variables.ts';

export const deps: CassandraDeps = { log: silentLogger, clock: systemClock };

export interface SettingsChange {
  readonly segmentSize?: number;
  readonly port?: number;
  readonly fetchSize?: number;
  readonly client?: Partial<CassandraSettings['client']>;
  readonly autoCreate?: boolean;
  readonly keyspaceAutoCreate?: boolean;
}

/** Settings for the server that the environment names, which must be there. */
export function cassandraSettings(
  keyspace: string,
  change: SettingsChange = {},
): CassandraSettings {
  const { host, port } = address();
  return {
    retries: 100,
    segmentSize: change.segmentSize ?? 10_000,
    consistency: { read: 'LOCAL_QUORUM', write: 'LOCAL_QUORUM', serial: 'LOCAL_SERIAL' },
    client: {
      name: 'test',
      contactPoints: [host],
      port: change.port ?? port,
      localDc: undefined,
      authentication: undefined,
      tls: undefined,
      consistency: 'LOCAL_QUORUM',
      serialConsistency: 'SERIAL',
      fetchSize: change.fetchSize ?? 100,
      connectTimeoutMs: 5_000,
      readTimeoutMs: 12_000,
      heartbeatIntervalMs: 30_000,
      reconnection: { minDelayMs: 100, maxDelayMs: 1_000 },
      ...change.client,
    },
    schema: {
      autoCreate: change.autoCreate ?? true,
      keyspace: {
        name: keyspace,
        autoCreate: change.keyspaceAutoCreate ?? true,
        replication: { type: 'simple', factor: 1 },
      },
      journalTable: 'journal',
      metaJournalTable: 'metajournal',
      pointerTable: 'pointer2',
      settingTable: 'setting',
      locksTable: 'locks',
    },
  };
}

function address(): { readonly host: string; readonly port: number } {
  return parseAddress(requireVariable('KAFKA_JOURNAL_TEST_CASSANDRA'));
}

/** A keyspace name that no other run uses. */
export function randomKeyspace(): string {
  return `test_${randomBytes(6).toString('hex')}`;
}

/** The driver itself, to look at what is stored and to store what the adapter would not. */
export async function rawClient(): Promise<Client> {
  const { host, port } = address();
  const client = new Client({
    contactPoints: [host],
    protocolOptions: { port },
    localDataCenter: 'datacenter1',
    encoding: { map: Map },
  });
  await client.connect();
  return client;
}

export async function dropKeyspace(keyspace: string): Promise<void> {
  const client = await rawClient();
  await client.execute(`DROP KEYSPACE IF EXISTS ${keyspace}`);
  await client.shutdown();
}
