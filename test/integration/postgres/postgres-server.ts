import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import type { PostgresSettings } from '../../../src/config/settings/postgres-settings.ts';
import { silentLogger } from '../../../src/observability/logger.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import type { PostgresDeps } from '../../../src/stores/postgres/session.ts';
import { requireVariable } from '../../support/stack/server-variables.ts';

export const deps: PostgresDeps = { log: silentLogger, clock: systemClock };

export interface SettingsChange extends Partial<Omit<PostgresSettings, 'schema'>> {
  readonly autoCreate?: boolean;
}

/** Settings for the server that the environment names, which must be there. */
export function postgresSettings(schema: string, change: SettingsChange = {}): PostgresSettings {
  const { autoCreate = true, ...changes } = change;
  const { hostname, port, pathname, username, password } = new URL(postgresAddress());
  return {
    name: 'test',
    host: hostname,
    port: Number(port),
    database: pathname.slice(1),
    username: decodeURIComponent(username),
    password: decodeURIComponent(password),
    tls: undefined,
    maxConnections: 10,
    connectTimeoutMs: 5_000,
    queryTimeoutMs: 12_000,
    fetchSize: 100,
    schema: { name: schema, autoCreate },
    ...changes,
  };
}

/** The URL of that server. */
export function postgresAddress(): string {
  return requireVariable('KAFKA_JOURNAL_TEST_POSTGRES');
}

/** A schema name that no other run uses. */
export function randomSchema(): string {
  return `test_${randomBytes(6).toString('hex')}`;
}

/** The driver itself, to look at what is stored and to store what the adapter would not. */
export async function rawClient(): Promise<Client> {
  const client = new Client({ connectionString: postgresAddress() });
  await client.connect();
  return client;
}

export async function dropSchema(schema: string): Promise<void> {
  const client = await rawClient();
  await client.query(`DROP SCHEMA IF EXISTS "${schema}" CASCADE`);
  await client.end();
}
