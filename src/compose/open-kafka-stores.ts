import type { KafkaJournalSettings } from '../config/settings/journal-settings.ts';
import { openKafkaFleetMembership } from '../kafka/fleet/kafka-fleet-membership.ts';
import { openKafkaAdmin } from '../kafka/kafka-admin.ts';
import { openKafkaActionProducer } from '../kafka/producer/kafka-action-producer.ts';
import { openKafkaActionConsumer } from '../kafka/reader/kafka-action-consumer.ts';
import { LogUnavailableError, StoreUnavailableError } from '../model/errors.ts';
import { topicsOf } from '../plugin/persistence-id-to-key.ts';
import type { CallOptions } from '../ports/call-options.ts';
import { Opened } from '../runtime/opened.ts';
import { ProgressDeadline } from '../runtime/progress-deadline.ts';
import { openEventualStore, placeOfStore } from './open-eventual-store.ts';
import type { OpenDeps, Stores } from './stores.ts';

/**
 * Kafka and the store, ready within `start-timeout`: topics and tables exist or are created where
 * allowed.
 *
 * @throws {LogUnavailableError} {@link StoreUnavailableError} names the addresses that did not
 * answer
 */
export async function openKafkaStores(
  settings: KafkaJournalSettings,
  deps: OpenDeps & CallOptions,
): Promise<Stores> {
  const limitMs = settings.startTimeoutMs;
  const opening = new Opening(settings);
  const deadline = new ProgressDeadline(limitMs, () => opening.expired(), deps.signal);
  try {
    return await openAll(opening, { ...deps, signal: deadline.signal });
  } catch (error) {
    await opening.opened[Symbol.asyncDispose]();
    throw deadline.signal.aborted ? deadline.signal.reason : error;
  } finally {
    deadline.dispose();
  }
}

/** What is open already, and which server is asked at the moment. */
class Opening {
  readonly settings: KafkaJournalSettings;
  readonly opened = new Opened();
  asking: 'Kafka' | 'the store' = 'Kafka';

  constructor(settings: KafkaJournalSettings) {
    this.settings = settings;
  }

  expired(): Error {
    const { startTimeoutMs, kafka, eventual } = this.settings;
    const within = `did not answer within start-timeout, ${startTimeoutMs} ms`;
    if (this.asking === 'Kafka') {
      return new LogUnavailableError(`Kafka at ${kafka.bootstrapServers.join(', ')} ${within}`);
    }
    return new StoreUnavailableError(`${placeOfStore(eventual)} ${within}`);
  }
}

async function openAll(opening: Opening, deps: OpenDeps & Required<CallOptions>): Promise<Stores> {
  const { opened, settings } = opening;
  const { kafka, eventual: store } = settings;
  const options = { signal: deps.signal };
  await ensureTopics(settings, deps, options);
  const consumer = opened.own(await openKafkaActionConsumer(kafka, deps, options));
  const [topic] = topicsOf(settings.persistenceIdToKey);
  const producer = opened.own(await openKafkaActionProducer(kafka, deps, { ...options, topic }));
  opening.asking = 'the store';
  const eventual = opened.own(await openEventualStore(store, deps, options));
  const close = (): Promise<void> => opened[Symbol.asyncDispose]();
  const { log, clock } = deps;
  return {
    producer,
    consumer,
    eventual,
    joinFleet: (member, fleet) =>
      openKafkaFleetMembership({ kafka, fleet, member }, { log, clock }),
    [Symbol.asyncDispose]: close,
  };
}

async function ensureTopics(
  settings: KafkaJournalSettings,
  deps: OpenDeps,
  options: CallOptions,
): Promise<void> {
  const admin = await openKafkaAdmin(settings.kafka, deps, options);
  try {
    for (const topic of topicsOf(settings.persistenceIdToKey)) {
      await admin.ensureTopic(topic, settings.kafka.topic, options);
    }
  } finally {
    await admin[Symbol.asyncDispose]();
  }
}
