import { randomUUID } from 'node:crypto';
import { createActor, waitFor } from 'xstate';
import type { ActorHost } from '../../src/actor/actor-host.ts';
import { createActorHost } from '../../src/actor/create-actor-host.ts';
import { Plugins } from '../../src/compose/plugins.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { readPersistenceSettings } from '../../src/config/settings/persistence-settings.ts';
import { isReady } from '../../src/index.ts';
import { silentLogger } from '../../src/observability/logger.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { journalPath, newNames, openBenchJournals, type Servers } from './bench-world.ts';
import { alternate, elapsedMs, type Figure, figure } from './figures.ts';
import { account, accountPlugin, writeAccount } from './recover.ts';
import { replicateAll } from './replicate.ts';

const storePath = 'evolutiongaming.kafka-journal.snapshot-store.cassandra';
const rounds = 11;
const life = 100_000;
const between = 1_000;

/**
 * A recovery of an entity of 100,000 events, with a snapshot every 1,000, beside that of an entity
 * that has only the last 1,000 events.
 */
export async function benchRecoverSnapshot(servers: Servers): Promise<readonly Figure[]> {
  const names = newNames(servers);
  const journals = await openBenchJournals(names);
  const same = `${storePath}.cassandra = \${${journalPath}.cassandra}`;
  const config = await loadConfig({ text: `${names.configText}\n${same}` });
  const plugins = new Plugins({ config, log: silentLogger, registered: new Map() });
  const journal = accountPlugin(journals);
  const host = createActorHost({
    settings: { ...readPersistenceSettings(config), recoveryEventTimeoutMs: 30_000 },
    journal: async () => journal,
    snapshotStore: () => plugins.snapshotStore(storePath),
    log: silentLogger,
    clock: systemClock,
    randomUuid: randomUUID,
  });
  try {
    await writeAccount(journals, { id: 'old', events: life - between });
    await recover(host, 'old', life - between, true);
    await writeAccount(journals, { id: 'old', events: between, first: life - between + 1 });
    await writeAccount(journals, { id: 'young', events: between });
    await replicateAll(names);
    const old = (): Promise<number> => elapsedMs(() => recover(host, 'old', life));
    const young = (): Promise<number> => elapsedMs(() => recover(host, 'young', between));
    await alternate(5, old, young);
    const { a, b } = await alternate(rounds, old, young);
    return [figure('recover.snapshot.cassandra', 'ms', [a, b])];
  } finally {
    await host.shutdown();
    await plugins.close();
    await journals[Symbol.asyncDispose]();
  }
}

/**
 * Recovers the entity, which has to be at `events`, and stops it. With `takes` it takes snapshots
 * meanwhile, and the one of its last event is saved before it stops.
 */
async function recover(host: ActorHost, id: string, events: number, takes = false): Promise<void> {
  const saved = Promise.withResolvers<void>();
  const logic = host.persistent(account, {
    persistenceId: id,
    initEvent: 'never',
    ...(takes && { retention: { snapshotEvery: between } }),
    onSignal: ({ type, cause }) => {
      if (type === 'snapshot-saved') saved.resolve();
      if (type === 'snapshot-failed') saved.reject(cause);
    },
  });
  const actor = createActor(logic).start();
  const { persistence } = await waitFor(actor, isReady);
  if (persistence.sequenceNr !== events) throw new Error(`${id} is at ${persistence.sequenceNr}`);
  if (takes) await saved.promise;
  await host.stop(actor);
}
