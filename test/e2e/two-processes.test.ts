import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createActorHost } from '../../src/actor/create-actor-host.ts';
import { openEmbeddedStores } from '../../src/compose/open-embedded-stores.ts';
import { journalSettingsOf } from '../../src/compose/open-journals.ts';
import { readConfig } from '../../src/config/load-config.ts';
import { defaultJournalOf } from '../../src/config/settings/journal-class.ts';
import { readPersistenceSettings } from '../../src/config/settings/persistence-settings.ts';
import { TenureHolder } from '../../src/journal/holding/tenure-holder.ts';
import { createJournals } from '../../src/journal/journals.ts';
import { endByOffset } from '../../src/journal/read/ends.ts';
import { silentLogger } from '../../src/observability/logger.ts';
import { KafkaJournalPlugin } from '../../src/plugin/kafka-journal-plugin.ts';
import { persistenceIdToKey } from '../../src/plugin/persistence-id-to-key.ts';
import { systemClock } from '../../src/runtime/clock.ts';

const commands = 200;

/** What one process of a service has: a persistence over the file, whose entities hold tenures. */
async function openProcess(file: string) {
  const { config } = readConfig({
    text: `
      akka.persistence.journal.plugin = "evolutiongaming.kafka-journal.embedded.journal"
      evolutiongaming.kafka-journal.embedded.journal.file = ${JSON.stringify(file)}
    `,
  });
  const settings = journalSettingsOf(config, defaultJournalOf(config));
  if (!('file' in settings)) return expect.fail('the journal is not the embedded one');
  const deps = { log: silentLogger, clock: systemClock };
  const stores = await openEmbeddedStores(settings, deps);
  const own = { origin: 'test', randomUuid: randomUUID };
  const tenures = new TenureHolder({
    ...stores,
    ...deps,
    ...own,
    holder: randomUUID(),
    holding: { scope: '', holdingTimeMs: 20 },
    limitMs: 10_000,
    random: Math.random,
  });
  const readEnd = endByOffset(stores.consumer);
  const journals = createJournals(
    { ...stores, ...deps, ...own, settings, headCache: undefined, readEnd, tenures },
    settings.callTimeThresholdsMs,
  );
  const plugin = new KafkaJournalPlugin({
    ...deps,
    journals,
    keyOf: persistenceIdToKey(settings.persistenceIdToKey),
    maxEventsInBatch: settings.maxEventsInBatch,
    wakesEntities: false,
    close: async () => {
      tenures.close();
      await stores[Symbol.asyncDispose]();
    },
  });
  const host = createActorHost({
    settings: { ...readPersistenceSettings(config), recoveryEventTimeoutMs: 30_000 },
    journal: async () => plugin,
    ...deps,
    randomUuid: randomUUID,
  });
  const logic = host.behavior({
    types: {
      commands: {} as { type: 'note'; of: string },
      events: {} as { type: 'noted'; of: string },
    },
    persistenceId: 'ledger',
    initialState: [] as readonly string[],
    decide: ({ state, command }) => ({
      type: 'persist',
      events: [{ type: 'noted', of: command.of }],
      reply: state.length + 1,
    }),
    evolve: (state, event) => [...state, event.of],
  });
  const ledgers = host.entities('ledger', logic);
  return {
    note: (of: string) => ledgers.ask('1', { type: 'note', of }, { timeout: 60_000 }),
    peek: async () => (await ledgers.peek('1')).context,
    async close() {
      await host.shutdown();
      await plugin[Symbol.asyncDispose]();
    },
  };
}

describe('two processes with one entity, on one file', () => {
  let folder: string;
  let processes: Awaited<ReturnType<typeof openProcess>>[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'two-processes-'));
    const file = join(folder, 'journal.db');
    processes = [await openProcess(file), await openProcess(file)];
  });

  afterEach(async () => {
    for (const process of processes) await process.close();
    await rm(folder, { recursive: true });
  });

  /** Acknowledged = stored; each once. */
  async function expectAll(acknowledged: readonly string[]): Promise<void> {
    for (const { peek } of processes) {
      const noted = await peek();
      expect(new Set(noted).size, 'none is doubled').to.equal(noted.length);
      expect([...noted].sort()).to.deep.equal([...acknowledged].sort());
    }
  }

  it(`store ${commands} commands in turn, each decided on all those before`, async () => {
    const acknowledged: string[] = [];
    for (let n = 1; n <= commands; n++) {
      const { reply } = (await processes[n % 2]?.note(`${n}`)) ?? {};
      expect(reply).to.equal(n);
      acknowledged.push(`${n}`);
    }
    await expectAll(acknowledged);
  }).timeout(120_000);

  it(`store ${commands} commands at once, and both get on`, async () => {
    const acknowledged: string[] = [];
    const runs = processes.map(async ({ note }, process) => {
      for (let n = 0; n < commands / 2; n += 4) {
        const burst = [0, 1, 2, 3].map((i) => `${process}-${n + i}`);
        await Promise.all(burst.map((of) => note(of)));
        acknowledged.push(...burst);
      }
    });
    await Promise.all(runs);
    await expectAll(acknowledged);
  }).timeout(120_000);
});
