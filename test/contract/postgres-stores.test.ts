import { openPostgresEventualJournal } from '../../src/stores/postgres/eventual-journal.ts';
import { openPostgresReplicatedJournal } from '../../src/stores/postgres/replicated-journal.ts';
import { setUpPostgres } from '../../src/stores/postgres/schema/create-schema.ts';
import { segmentSize } from '../../src/stores/postgres/tables/metajournal-table.ts';
import {
  deps,
  dropSchema,
  postgresSettings,
  randomSchema,
} from '../integration/postgres/postgres-server.ts';
import { eventualJournalContract } from './eventual-journal.contract.ts';
import { replicatedJournalContract } from './replicated-journal.contract.ts';
import type { ReplicatedStore } from './replicated-store.ts';

const schema = randomSchema();

async function open(fetchSize: number): Promise<ReplicatedStore> {
  const settings = postgresSettings(schema, { fetchSize });
  await setUpPostgres(settings, deps, { mode: 'create' });
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
  after(() => dropSchema(schema));
  for (const fetchSize of [1, 3, 1_000]) {
    eventualJournalContract(`postgres, pages of ${fetchSize}`, () => open(fetchSize));
  }
  replicatedJournalContract('postgres', () => open(1_000));
});
