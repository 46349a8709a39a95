import { randomUUID } from 'node:crypto';
import { type OpenJournals, openJournals } from '../../src/compose/open-journals.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { readKafkaJournalSettings } from '../../src/config/settings/journal-settings.ts';
import { Topic } from '../../src/model/position.ts';
import { silentLogger } from '../../src/observability/logger.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { kafkaConfig } from '../support/kafka/kafka-config.ts';

export const journalPath = 'evolutiongaming.kafka-journal.persistence.journal';
export const deps = { log: silentLogger, clock: systemClock };

/** Addresses of the servers that the bench runs against. */
export interface Servers {
  readonly kafka: string;
  readonly cassandra: string;
  /** A URL. */
  readonly postgres: string;
}

/** A topic and a keyspace, or schema, of one bench, and the configuration that names them. */
export interface BenchNames extends Servers {
  readonly topic: Topic;
  readonly keyspace: string;
  readonly configText: string;
}

export function newNames(
  servers: Servers,
  store: 'cassandra' | 'postgres' = 'cassandra',
): BenchNames {
  const name = `bench-${randomUUID().slice(0, 8)}`;
  const names = { ...servers, topic: Topic.of(name), keyspace: name.replace('-', '_') };
  const postgres = store === 'postgres' ? servers.postgres : undefined;
  return { ...names, configText: kafkaConfig({ ...names, postgres }) };
}

export async function openBenchJournals({ configText }: BenchNames): Promise<OpenJournals> {
  return await openJournals({ config: configText });
}

export async function settingsOf({ configText }: BenchNames) {
  return readKafkaJournalSettings(await loadConfig({ text: configText }), journalPath);
}

/** About 200 bytes of JSON, as a business event has them. */
export function payloadOf(index: number): { readonly [name: string]: string | number } {
  return {
    type: 'deposited',
    cents: index % 10_000,
    currency: 'EUR',
    account: `account-${index % 1_000}`,
    note: 'a remark that makes the event as long as those of a business usually are, about 200 bytes',
    at: 1_790_000_000_000 + index,
  };
}
