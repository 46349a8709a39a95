import { rmSync, statSync } from 'node:fs';
import { loadConfig } from '../../src/config/load-config.ts';

const embedded = 'evolutiongaming.kafka-journal.embedded.journal';

/** Where the bank's events go: one file, or Kafka and Cassandra. */
export interface JournalPlace {
  readonly isEmbedded: boolean;
  describe(): string;
}

/** Looks the place up in the configuration; an embedded journal starts over with an empty file. */
export async function openJournalPlace(config: string): Promise<JournalPlace> {
  const settings = await loadConfig({ file: config });
  const plugin = settings.getString('akka.persistence.journal.plugin');
  if (plugin !== embedded) return { isEmbedded: false, describe: () => 'Kafka and Cassandra' };
  const file = settings.getString(`${embedded}.file`);
  for (const part of ['', '-wal', '-shm']) rmSync(file + part, { force: true });
  return {
    isEmbedded: true,
    describe: () =>
      `${file}, ${(statSync(file).size / 2 ** 20).toFixed(1)} MiB (any SQLite tool opens it)`,
  };
}
