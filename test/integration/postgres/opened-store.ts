import type { Client } from 'pg';
import type { EventualJournal } from '../../../src/ports/eventual-journal.ts';
import type { ReplicatedJournal } from '../../../src/ports/replicated-journal.ts';
import { openPostgresEventualJournal } from '../../../src/stores/postgres/eventual-journal.ts';
import { openPostgresReplicatedJournal } from '../../../src/stores/postgres/replicated-journal.ts';
import { setUpPostgres } from '../../../src/stores/postgres/schema/create-schema.ts';
import { segmentSize } from '../../../src/stores/postgres/tables/metajournal-table.ts';
import { deps, dropSchema, postgresSettings, randomSchema, rawClient } from './postgres-server.ts';

/** Both sides of a store in a schema of its own, and the driver to look at its rows. */
export interface OpenedStore {
  readonly schema: string;
  readonly segmentSize: number;
  readonly operator: Client;
  readonly eventual: EventualJournal;
  readonly replicated: ReplicatedJournal;
}

/** Opens the store before the tests of the suite that calls it, and drops it after them. */
export function openedStore(): () => OpenedStore {
  const schema = randomSchema();
  let opened: OpenedStore;
  before(async () => {
    const settings = postgresSettings(schema);
    await setUpPostgres(settings, deps, { mode: 'create' });
    const eventual = await openPostgresEventualJournal(settings, deps);
    const replicated = await openPostgresReplicatedJournal(settings, deps);
    opened = { schema, segmentSize, operator: await rawClient(), eventual, replicated };
  });
  after(async () => {
    await opened.eventual[Symbol.asyncDispose]();
    await opened.replicated[Symbol.asyncDispose]();
    await opened.operator.end();
    await dropSchema(schema);
  });
  return () => opened;
}
