import { startReplicator } from '../replicator/replicator.ts';
import type { EmbeddedJournalSettings } from './config/journal-settings.ts';
import { storeNames } from './open-eventual-store.ts';
import { topicsOf } from './plugin/persistence-id-to-key.ts';
import { openSqliteStore } from './sqlite/sqlite-store.ts';
import type { OpenDeps, Stores } from './stores.ts';

/** How long closing waits for the work that the in-process replicator has in hand. */
const replicatorStopMs = 10_000;

const replicatorSettings = {
  topicDiscoveryIntervalMs: 3_000,
  cacheExpireAfterMs: 60_000,
  maxKeysInFlight: 64,
} as const;

/** One SQLite file holds log and store; a replicator in this process carries events between them. */
export async function openEmbeddedStores(
  settings: EmbeddedJournalSettings,
  deps: OpenDeps,
): Promise<Stores> {
  const store = await openSqliteStore(settings, deps);
  const replicator = startReplicator({
    consumers: store.topicConsumers,
    store: store.replicated,
    storeName: storeNames.sqlite,
    settings: { ...replicatorSettings, topicPrefixes: topicsOf(settings.persistenceIdToKey) },
    ...deps,
  });
  return {
    producer: store.producer,
    consumer: store.consumer,
    eventual: store.eventual,
    async [Symbol.asyncDispose]() {
      await replicator.stop({ deadlineMs: replicatorStopMs });
      await store[Symbol.asyncDispose]();
    },
  };
}
