import { randomUUID } from 'node:crypto';
import { Topic } from '../../src/model/position.ts';
import { openPostgresEventualJournal } from '../../src/postgres/postgres-eventual-journal.ts';
import { openPostgresReplicatedJournal } from '../../src/postgres/postgres-replicated-journal.ts';
import { setUpPostgres } from '../../src/postgres/schema/create-schema.ts';
import { openSqliteStore } from '../../src/sqlite/sqlite-store.ts';
import {
  deps,
  dropSchema,
  postgresSettings,
  randomSchema,
} from '../integration/postgres/postgres-server.ts';
import { type JournalWorld, journalContract } from './journal.contract.ts';
import { readingWays } from './journal-ways.ts';

/** The log in memory, the store in PostgreSQL. */
async function open(): Promise<JournalWorld> {
  const schema = randomSchema();
  const settings = postgresSettings(schema);
  await setUpPostgres(settings, deps, { mode: 'create' });
  const log = await openSqliteStore({ file: ':memory:', partitions: 1, segmentSize: 2 }, deps);
  const eventual = await openPostgresEventualJournal(settings, deps);
  const replicated = await openPostgresReplicatedJournal(settings, deps);
  const { producer, consumer } = log;
  return {
    producer,
    consumer,
    eventual,
    replicated,
    createTopic: async () => Topic.of(`t-${randomUUID()}`),
    async [Symbol.asyncDispose]() {
      for (const part of [replicated, eventual, log]) await part[Symbol.asyncDispose]();
      await dropSchema(schema);
    },
  };
}

for (const way of readingWays) {
  const sizes = way === 'by a marker' ? [0, 1, 3] : [2];
  journalContract('a log in memory and PostgreSQL', open, { sizes, way });
}
