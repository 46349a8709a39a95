import type { KafkaJournalSettings } from '../config/settings/journal-settings.ts';

/** A page is with its reader while two more are on their way. */
const pagesAtOnce = 3;

/**
 * The settings with pages of the store so small that a replay reads at most `replay-batch-size`
 * events ahead. SQLite reads on only when it is asked.
 */
export function boundedPages(
  settings: KafkaJournalSettings,
  replayBatchSize: number,
): KafkaJournalSettings {
  const rows = Math.max(2, Math.floor(replayBatchSize / pagesAtOnce));
  const { eventual } = settings;
  if (eventual.type === 'cassandra') {
    const { cassandra } = eventual;
    const fetchSize = Math.min(cassandra.client.fetchSize, rows);
    const client = { ...cassandra.client, fetchSize };
    return { ...settings, eventual: { ...eventual, cassandra: { ...cassandra, client } } };
  }
  if (eventual.type === 'sqlite') return settings;
  const { postgres } = eventual;
  const fetchSize = Math.min(postgres.fetchSize, rows);
  return { ...settings, eventual: { ...eventual, postgres: { ...postgres, fetchSize } } };
}
