import { parseArgs } from 'node:util';
import { journalClassOf } from '../config/journal-class.ts';
import { kafkaJournalPath } from '../config/journal-paths.ts';
import { readKafkaJournalSettings } from '../config/journal-settings.ts';
import { loadConfig } from '../config/load-config.ts';
import { openKafkaAdmin } from '../kafka/kafka-admin.ts';
import { ConfigError } from '../model/errors.ts';
import { consoleLogger } from '../observability/logger.ts';
import { createStore } from '../open-eventual-store.ts';
import { topicsOf } from '../plugin/persistence-id-to-key.ts';
import { systemClock } from '../runtime/clock.ts';

/**
 * `kafka-journal setup --config FILE`: creates the topics and tables of the journal that
 * `akka.persistence.journal.plugin` names, under an operator's rights; what exists is left alone. May
 * be run again at any time. An embedded journal has nothing to set up.
 *
 * @returns the exit code: 0 done, 1 failed, 2 wrong usage or configuration
 */
export async function runSetup(args: readonly string[]): Promise<number> {
  try {
    const { values } = parseArgs({ args: [...args], options: { config: { type: 'string' } } });
    if (values.config === undefined) throw new TypeError('setup needs --config FILE');
    await setUp(values.config);
    return 0;
  } catch (error) {
    console.error(
      `kafka-journal setup: ${error instanceof Error ? describe(error) : String(error)}`,
    );
    return error instanceof ConfigError || error instanceof TypeError ? 2 : 1;
  }
}

async function setUp(file: string): Promise<void> {
  const deps = { log: consoleLogger, clock: systemClock };
  const config = await loadConfig({ file });
  const path = config.getString('akka.persistence.journal.plugin') || kafkaJournalPath;
  if (journalClassOf(config, path) === 'embedded') {
    console.log(`${path} is embedded: there is nothing to set up`);
    return;
  }
  const settings = readKafkaJournalSettings(config, path);
  const admin = await openKafkaAdmin(settings.kafka, deps);
  try {
    for (const topic of topicsOf(settings.persistenceIdToKey)) {
      await admin.ensureTopic(topic, { ...settings.kafka.topic, autoCreate: true });
    }
  } finally {
    await admin[Symbol.asyncDispose]();
  }
  await createStore(settings.eventual, deps);
}

function describe(error: Error): string {
  const cause = error.cause instanceof Error ? `\n  caused by: ${describe(error.cause)}` : '';
  return `${error.message}${cause}`;
}
