import type { Config } from '../../../src/config/config.ts';
import { loadConfig } from '../../../src/config/load-config.ts';
import type { CassandraSettings } from '../../../src/config/settings/cassandra-settings.ts';
import type { EventualSettings } from '../../../src/config/settings/eventual-settings.ts';
import { readKafkaJournalSettings } from '../../../src/config/settings/journal-settings.ts';
import { ConfigError, type ConfigProblem } from '../../../src/model/errors.ts';

export const root = 'evolutiongaming.kafka-journal';
export const journal = `${root}.persistence.journal`;

/** The text over the defaults, in an empty environment. */
export function load(text: string): Promise<Config> {
  return loadConfig({ text, env: {} });
}

export function cassandraIn(eventual: EventualSettings): CassandraSettings {
  if (eventual.type !== 'cassandra') throw new Error(`eventual is ${eventual.type}`);
  return eventual.cassandra;
}

/** What the reader, by default that of the Kafka journal, reports about the text. */
export async function problemsOf(
  text: string,
  read: (config: Config) => unknown = readKafkaJournalSettings,
): Promise<readonly ConfigProblem[]> {
  const config = await load(text);
  try {
    read(config);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  throw new Error('should have been refused');
}

/** Problems as text, their paths relative to the journal. */
export async function messages(text: string): Promise<readonly string[]> {
  const problems = await problemsOf(text);
  return problems.map(({ path, message }) => `${path.replace(`${journal}.`, '')} ${message}`);
}
