import { setTimeout as sleep } from 'node:timers/promises';
import { openCassandraEventualJournal } from '../../src/cassandra/cassandra-eventual-journal.ts';
import { readKafkaJournalSettings } from '../../src/config/journal-settings.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { openKafkaActionConsumer } from '../../src/kafka/kafka-action-consumer.ts';
import { Partition, Topic } from '../../src/model/position.ts';
import { silentLogger } from '../../src/observability/logger.ts';
import { openJournals } from '../../src/open-journals.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import type { Recovered } from './ledger.ts';

const path = 'evolutiongaming.kafka-journal.persistence.journal';
const deps = { log: silentLogger, clock: systemClock };
const replicationLimitMs = 120_000;

/** Reads every journal, one after another, as a recovering actor would. */
export async function readJournals(
  configText: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, readonly Recovered[]>> {
  const journals = await openJournals({ config: configText });
  try {
    const recovered = new Map<string, readonly Recovered[]>();
    for (const id of ids) {
      const events: Recovered[] = [];
      for await (const batch of journals.of(journals.keyOf(id)).read()) {
        for (const { event } of batch) {
          events.push({ seqNr: event.seqNr, operation: operationOf(event.payload) });
        }
      }
      recovered.set(id, events);
    }
    return recovered;
  } finally {
    await journals[Symbol.asyncDispose]();
  }
}

function operationOf(payload: unknown): string {
  const text = JSON.stringify(payload);
  return /"operation":"([^"]+)"/.exec(text)?.[1] ?? text;
}

/** Resolves when every partition's replicated offset has reached the log's end. */
export async function waitUntilReplicated(configText: string, topicName: string): Promise<void> {
  await withOffsets(configText, topicName, async (behind) => {
    const limit = Date.now() + replicationLimitMs;
    while ((await behind()) > 0) {
      if (Date.now() > limit) throw new Error(`${topicName} is not replicated`);
      await sleep(50);
    }
  });
}

/** How many records of the topic are not in the store yet. */
export async function recordsBehind(configText: string, topicName: string): Promise<number> {
  return await withOffsets(configText, topicName, (behind) => behind());
}

async function withOffsets<T>(
  configText: string,
  topicName: string,
  use: (behind: () => Promise<number>) => Promise<T>,
): Promise<T> {
  const settings = readKafkaJournalSettings(await loadConfig({ text: configText }), path);
  const store = await openCassandraEventualJournal(settings.eventual.cassandra, deps);
  const log = await openKafkaActionConsumer(settings.kafka, deps);
  const topic = Topic.of(topicName);
  const partitions = Array.from({ length: settings.kafka.topic.partitions }, (_, n) =>
    Partition.of(n),
  );
  const behindIn = async (partition: Partition): Promise<number> => {
    const end = await log.endOffset(topic, partition);
    return end - 1 - ((await store.offset(topic, partition)) ?? -1);
  };
  const behind = async (): Promise<number> =>
    (await Promise.all(partitions.map(behindIn))).reduce((sum, count) => sum + count, 0);
  try {
    return await use(behind);
  } finally {
    await log[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
  }
}
