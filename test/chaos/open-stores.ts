import { openEventualStore } from '../../src/compose/open-eventual-store.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { readKafkaJournalSettings } from '../../src/config/settings/journal-settings.ts';
import { openKafkaActionConsumer } from '../../src/kafka/reader/kafka-action-consumer.ts';
import { Partition, Topic } from '../../src/model/position.ts';
import { silentLogger } from '../../src/observability/logger.ts';
import type { ActionConsumer } from '../../src/ports/action-consumer.ts';
import type { EventualJournal } from '../../src/ports/eventual-journal.ts';
import { systemClock } from '../../src/runtime/clock.ts';

const path = 'evolutiongaming.kafka-journal.persistence.journal';
const deps = { log: silentLogger, clock: systemClock };

/** The product's readers of both sides, and what they are asked about. */
export interface OpenStores {
  readonly store: EventualJournal;
  readonly log: ActionConsumer;
  readonly topic: Topic;
  readonly partitions: readonly Partition[];
}

/** Opens both for a question or two. */
export async function withStores<T>(
  configText: string,
  topicName: string,
  use: (stores: OpenStores) => Promise<T>,
): Promise<T> {
  const settings = readKafkaJournalSettings(await loadConfig({ text: configText }), path);
  const store = await openEventualStore(settings.eventual, deps);
  const log = await openKafkaActionConsumer(settings.kafka, deps);
  const partitions = Array.from({ length: settings.kafka.topic.partitions }, (_, n) =>
    Partition.of(n),
  );
  try {
    return await use({ store, log, topic: Topic.of(topicName), partitions });
  } finally {
    await log[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
  }
}
