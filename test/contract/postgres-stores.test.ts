import type { PostgresSettings } from '../../src/config/settings/postgres-settings.ts';
import { openPostgresEventualJournal } from '../../src/stores/postgres/eventual-journal.ts';
import { openPostgresReplicatedJournal } from '../../src/stores/postgres/replicated-journal.ts';
import { migrate, setUpPostgres } from '../../src/stores/postgres/schema/create-schema.ts';
import { migrations } from '../../src/stores/postgres/schema/migrations.ts';
import { openPostgresSession } from '../../src/stores/postgres/session.ts';
import { segmentSize } from '../../src/stores/postgres/tables/metajournal-table.ts';
import {
  deps,
  dropSchema,
  postgresSettings,
  randomSchema,
} from '../integration/postgres/postgres-server.ts';
import { eventualJournalContract } from './eventual-journal.contract.ts';
import { journalsOfATopicContract } from './journals-of-a-topic.contract.ts';
import {
  replicatedJournalContract,
  replicatedPartitionContract,
} from './replicated-journal.contract.ts';
import type { ReplicatedStore } from './replicated-store.ts';
import { withoutTenureTablesContract } from './tenures.contract.ts';
import { withoutWakeUpTablesContract } from './wake-ups.contract.ts';

const schema = randomSchema();
const earlierSchema = randomSchema();
const schemaOfTenures = randomSchema();

async function open(fetchSize: number): Promise<ReplicatedStore> {
  const settings = postgresSettings(schema, { fetchSize });
  await setUpPostgres(settings, deps, { mode: 'create' });
  return await openSides(settings);
}

/** As an earlier version made it, after its first steps. */
async function openEarlier(name: string, steps: number): Promise<StoreWithoutTables> {
  const settings = postgresSettings(name);
  await using session = await openPostgresSession(settings, deps);
  await migrate(session, name, { log: deps.log, steps: migrations.slice(0, steps) });
  await setUpPostgres(settings, deps, { mode: 'check' });
  return {
    ...(await openSides(settings)),
    makeTables: async () => void (await setUpPostgres(settings, deps, { mode: 'create' })),
  };
}

interface StoreWithoutTables extends ReplicatedStore {
  makeTables(): Promise<void>;
}

async function openSides(settings: PostgresSettings): Promise<ReplicatedStore> {
  const eventual = await openPostgresEventualJournal(settings, deps);
  const replicated = await openPostgresReplicatedJournal(settings, deps);
  return {
    eventual,
    replicated,
    segmentSize,
    another: () => openPostgresReplicatedJournal(settings, deps),
    async [Symbol.asyncDispose]() {
      await replicated[Symbol.asyncDispose]();
      await eventual[Symbol.asyncDispose]();
    },
  };
}

describe('postgres', function () {
  this.timeout(30_000);
  after(async () => {
    for (const name of [schema, earlierSchema, schemaOfTenures]) await dropSchema(name);
  });
  withoutTenureTablesContract('postgres', () => openEarlier(earlierSchema, 1));
  withoutWakeUpTablesContract('postgres', () => openEarlier(schemaOfTenures, 2));
  for (const fetchSize of [1, 3]) {
    eventualJournalContract(`postgres, pages of ${fetchSize}`, () => open(fetchSize));
  }
  replicatedJournalContract('postgres', () => open(1_000));
  replicatedPartitionContract('postgres', () => open(1_000));
  journalsOfATopicContract('postgres', () => open(3));
});
