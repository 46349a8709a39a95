import { startReplicator } from '../../replicator/replicator.ts';
import type { ReplicationSettings } from '../../replicator/replicator-deps.ts';
import type { EmbeddedJournalSettings } from '../config/settings/journal-settings.ts';
import { idsOfAll } from '../stores/sqlite/ids-of-all.ts';
import { openSqliteStore } from '../stores/sqlite/store.ts';
import { storeNames } from './open-eventual-store.ts';
import type { OpenDeps, Stores } from './stores.ts';

/** How long closing waits for the work that the in-process replicator has in hand. */
const replicatorStopMs = 10_000;

const replicatorSettings: Omit<ReplicationSettings, 'purgeExpired'> = {
  // Every topic of the file: persistence ids may name them, and other sections may use the file.
  topicPrefixes: [''],
  // A look costs one small query. A new topic is replicated, and its ids are listed, at most this
  // long after its first record.
  topicDiscoveryIntervalMs: 200,
  cacheExpireAfterMs: 60_000,
  maxKeysInFlight: 64,
  quarantine: { policy: 'fail', skip: [] },
};

/**
 * One SQLite file holds log and store; a replicator in this process carries events between them.
 *
 * @throws {InvalidInputError} the file cannot be opened, or is of another program or later version
 * @throws {StoreUnavailableError} another process holds a lock on it
 */
export async function openEmbeddedStores(
  settings: EmbeddedJournalSettings,
  deps: OpenDeps,
): Promise<Stores> {
  const store = await openSqliteStore(settings, deps);
  const { producer, consumer, eventual } = store;
  const replicator = startReplicator({
    consumers: store.topicConsumers,
    store: store.replicated,
    storeName: storeNames.sqlite,
    settings: { ...replicatorSettings, purgeExpired: settings.purgeExpired },
    producer,
    ...deps,
  });
  const idsDeps = { consumer, eventual, clock: deps.clock, limitMs: settings.readTimeoutMs };
  return {
    producer,
    consumer,
    eventual: {
      wakeUps: eventual.wakeUps,
      lastTenure: (...call) => eventual.lastTenure(...call),
      offset: (...call) => eventual.offset(...call),
      pointer: (...call) => eventual.pointer(...call),
      read: (...call) => eventual.read(...call),
      // Log and store are one file, so it can wait for what was acknowledged before the call.
      ids: (topic, options) => idsOfAll(topic, idsDeps, options),
      [Symbol.asyncDispose]: () => eventual[Symbol.asyncDispose](),
    },
    joinFleet: async (member, fleet) => store.joinFleet(member, fleet),
    async [Symbol.asyncDispose]() {
      await replicator.stop({ deadlineMs: replicatorStopMs });
      await store[Symbol.asyncDispose]();
    },
  };
}
