import { openCassandraEventualJournal } from './cassandra/cassandra-eventual-journal.ts';
import { setUpCassandra } from './cassandra/schema/create-schema.ts';
import type { CassandraSettings } from './config/cassandra-settings.ts';
import type { KafkaJournalSettings } from './config/journal-settings.ts';
import { openKafkaActionConsumer } from './kafka/kafka-action-consumer.ts';
import { openKafkaActionProducer } from './kafka/kafka-action-producer.ts';
import { openKafkaAdmin } from './kafka/kafka-admin.ts';
import { DeadlineExceededError } from './model/errors.ts';
import type { OpenDeps, Stores } from './open-journals.ts';
import { topicsOf } from './plugin/persistence-id-to-key.ts';
import type { CallOptions } from './ports/call-options.ts';
import { ProgressDeadline } from './runtime/progress-deadline.ts';

type Disposables = AsyncDisposable[];

/** Kafka and Cassandra, ready within `start-timeout`: topics and tables exist or are created where allowed. */
export async function openKafkaStores(
  settings: KafkaJournalSettings,
  deps: OpenDeps & CallOptions,
): Promise<Stores> {
  const limitMs = settings.startTimeoutMs;
  const expired = (): Error =>
    new DeadlineExceededError(`the journal did not open within start-timeout, ${limitMs} ms`);
  const deadline = new ProgressDeadline(limitMs, expired, deps.signal);
  const opened: Disposables = [];
  try {
    return await openAll(settings, { ...deps, signal: deadline.signal }, opened);
  } catch (error) {
    await disposeAll(opened);
    throw error;
  } finally {
    deadline.dispose();
  }
}

async function openAll(
  settings: KafkaJournalSettings,
  deps: OpenDeps & Required<CallOptions>,
  opened: Disposables,
): Promise<Stores> {
  const { kafka, eventual: store } = settings;
  const options = { signal: deps.signal };
  const own = <T extends AsyncDisposable>(resource: T): T => {
    opened.push(resource);
    return resource;
  };
  await ensureTopics(settings, deps);
  await setUpCassandra(store.cassandra, deps, { mode: modeOf(store.cassandra) });
  const eventual = own(await openCassandraEventualJournal(store.cassandra, deps, options));
  const consumer = own(await openKafkaActionConsumer(kafka, deps, options));
  const producer = own(await openKafkaActionProducer(kafka, deps, options));
  return { producer, consumer, eventual, [Symbol.asyncDispose]: () => disposeAll(opened) };
}

/** With both switches off a client only looks, under rights that allow nothing else (ADR 19). */
function modeOf({ schema }: CassandraSettings): 'create' | 'check' {
  return schema.autoCreate || schema.keyspace.autoCreate ? 'create' : 'check';
}

async function ensureTopics(settings: KafkaJournalSettings, deps: OpenDeps): Promise<void> {
  const admin = await openKafkaAdmin(settings.kafka, deps);
  try {
    for (const topic of topicsOf(settings.persistenceIdToKey)) {
      await admin.ensureTopic(topic, settings.kafka.topic);
    }
  } finally {
    await admin[Symbol.asyncDispose]();
  }
}

/** In reverse order of opening. */
async function disposeAll(opened: Disposables): Promise<void> {
  for (let resource = opened.pop(); resource !== undefined; resource = opened.pop()) {
    await resource[Symbol.asyncDispose]();
  }
}
