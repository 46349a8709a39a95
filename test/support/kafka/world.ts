import { randomUUID } from 'node:crypto';
import { loadConfig } from '../../../src/config/load-config.ts';
import type { KafkaJournalSettings } from '../../../src/config/settings/journal-settings.ts';
import { readKafkaJournalSettings } from '../../../src/config/settings/journal-settings.ts';
import { silentLogger } from '../../../src/observability/logger.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { requireVariable } from '../stack/server-variables.ts';
import { type KafkaConfigOptions, kafkaConfig } from './kafka-config.ts';

export const journalPath = 'evolutiongaming.kafka-journal.persistence.journal';
export const quietDeps = { log: silentLogger, clock: systemClock };

/** A topic and a keyspace of one suite on the servers that the environment names. */
export function kafkaWorld(changes: Partial<KafkaConfigOptions> = {}): KafkaConfigOptions & {
  readonly configText: string;
} {
  const name = `e2e-${randomUUID().slice(0, 8)}`;
  const options = {
    kafka: requireVariable('KAFKA_JOURNAL_TEST_KAFKA'),
    cassandra: requireVariable('KAFKA_JOURNAL_TEST_CASSANDRA'),
    topic: name,
    keyspace: name.replace('-', '_'),
    ...changes,
  };
  return { ...options, configText: kafkaConfig(options) };
}

export async function journalSettings(configText: string): Promise<KafkaJournalSettings> {
  return readKafkaJournalSettings(await loadConfig({ text: configText }), journalPath);
}
