import { noteIgnoredKeys } from '../compose/note-ignored-keys.ts';
import { createStore, placeOfStore } from '../compose/open-eventual-store.ts';
import { type JournalsAsWritten, readJournals } from '../compose/open-journals.ts';
import { createSnapshotTable } from '../compose/open-snapshot-store.ts';
import type { OpenDeps } from '../compose/stores.ts';
import type { Config } from '../config/config.ts';
import { readConfig } from '../config/load-config.ts';
import { readAllTogether } from '../config/read-together.ts';
import { defaultJournalOf, kafkaJournalPath } from '../config/settings/journal-class.ts';
import type { KafkaJournalSettings } from '../config/settings/journal-settings.ts';
import { replicatorPath } from '../config/settings/replicator-settings.ts';
import { readNamedSnapshotStores } from '../config/settings/snapshot-store-settings.ts';
import { openKafkaAdmin } from '../kafka/kafka-admin.ts';
import { ClosedError, ConfigError } from '../model/errors.ts';
import type { SetUpItem } from '../model/set-up-item.ts';
import { describeError } from '../observability/describe-error.ts';
import { consoleLogger, consoleLoggerFrom } from '../observability/logger.ts';
import { topicsOf } from '../plugin/persistence-id-to-key.ts';
import { systemClock } from '../runtime/clock.ts';
import { readOptions, UsageError } from './usage.ts';

const prefixesPath = `${replicatorPath}.topic-prefixes`;

/**
 * `kafka-journal setup --config FILE`: creates the topics and tables of the journal that
 * `akka.persistence.journal.plugin` names, and the tables of the snapshot stores that
 * `akka.persistence.snapshot-store` names, under an operator's rights, and prints what it made and
 * what was there; that is left alone. May be run again at any time. What is on this host, such as
 * an embedded journal, needs no setting up.
 *
 * @returns the exit code: 0 done, 1 failed, 2 wrong usage or configuration
 */
export async function runSetup(args: readonly string[]): Promise<number> {
  // What a mapping of a user's holds open would keep the process from ending.
  const over = new AbortController();
  try {
    const { config } = readOptions('setup', args, ['config']);
    if (config === undefined) throw new UsageError('setup needs --config FILE');
    await setUp(config, over.signal);
    return 0;
  } catch (error) {
    const isWrong = error instanceof ConfigError || error instanceof UsageError;
    console.error(`kafka-journal setup: ${isWrong ? error.message : describeError(error)}`);
    return isWrong ? 2 : 1;
  } finally {
    over.abort(new ClosedError('the command has ended'));
  }
}

async function setUp(file: string, unused: AbortSignal): Promise<void> {
  const { config, checkKeys } = readConfig({ file });
  const deps = { log: consoleLoggerFrom('warn'), clock: systemClock, unused };
  type Read = [unknown, JournalsAsWritten, ReturnType<typeof readNamedSnapshotStores>];
  const [, { settings }, snapshotStores] = await readAllTogether<Read>(
    checkKeys,
    () => readJournals(config, journalOf(config), deps),
    () => readNamedSnapshotStores(config),
  );
  if ('file' in settings) {
    const path = journalOf(config);
    console.log(`${path} is embedded: its file is made by the first program that opens it`);
  } else {
    noteIgnoredKeys(config, consoleLogger);
    await setUpTopics(settings, config.getStringList(prefixesPath), deps);
    console.log(placeOfStore(settings.eventual));
    for (const item of await createStore(settings.eventual, deps)) report(item);
  }
  for (const [path, store] of snapshotStores) {
    console.log(`snapshot store ${path}`);
    const items = await createSnapshotTable(store, deps);
    for (const item of items) report(item);
    if (items.length === 0) console.log('  made by the first program that opens it');
  }
}

/** An operator's file may have no actors in it. */
function journalOf(config: Config): string {
  const isSet = config.getString('akka.persistence.journal.plugin') !== '';
  return isSet ? defaultJournalOf(config) : kafkaJournalPath;
}

async function setUpTopics(
  settings: KafkaJournalSettings,
  prefixes: readonly string[],
  deps: OpenDeps,
): Promise<void> {
  const { kafka, persistenceIdToKey } = settings;
  const admin = await openKafkaAdmin(kafka, deps);
  try {
    console.log(`Kafka at ${kafka.bootstrapServers.join(', ')}`);
    for (const topic of topicsOf(persistenceIdToKey)) {
      const isNew = await admin.ensureTopic(topic, { ...kafka.topic, autoCreate: true });
      const partitions = await admin.partitions(topic);
      const name = `topic ${topic} (${partitions} partition${partitions === 1 ? '' : 's'})`;
      report({ name, state: isNew ? 'created' : 'exists' });
      // Events that nothing replicates are lost when the retention of the topic ends.
      if (!prefixes.some((prefix) => topic.startsWith(prefix)))
        console.log(
          `  no replicator with this file replicates it: ${prefixesPath} is ${prefixes.join(', ')}`,
        );
    }
    if (persistenceIdToKey.type !== 'constant-topic') {
      const isSplit = persistenceIdToKey.type === 'split';
      const names = isSplit ? 'split persistence ids name' : 'persistence-id-to-key.impl gives';
      console.log(`  topics that ${names}: not known here, create them yourself`);
    }
  } finally {
    await admin[Symbol.asyncDispose]();
  }
}

function report({ name, state }: SetUpItem): void {
  console.log(`  ${name}: ${state}`);
}
