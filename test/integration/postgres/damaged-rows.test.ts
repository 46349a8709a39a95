import type { Client } from 'pg';
import type { EventualJournal } from '../../../src/ports/eventual-journal.ts';
import type { ReplicatedJournal } from '../../../src/ports/replicated-journal.ts';
import { openPostgresEventualJournal } from '../../../src/stores/postgres/eventual-journal.ts';
import { openPostgresReplicatedJournal } from '../../../src/stores/postgres/replicated-journal.ts';
import { setUpPostgres } from '../../../src/stores/postgres/schema/create-schema.ts';
import { segmentSize } from '../../../src/stores/postgres/tables/metajournal-table.ts';
import { expectNamed, relationalDamages } from '../../contract/damaged-rows.ts';
import * as given from '../../contract/replicated-store.ts';
import { rangesOf } from '../../support/journal/ranges.ts';
import { deps, dropSchema, postgresSettings, randomSchema, rawClient } from './postgres-server.ts';

const schema = randomSchema();

describe('a row in PostgreSQL that cannot be decoded is named by key, table and column, and is no outage', function () {
  this.timeout(30_000);
  let operator: Client;
  let eventual: EventualJournal;
  let replicated: ReplicatedJournal;
  before(async () => {
    const settings = postgresSettings(schema);
    await setUpPostgres(settings, deps, { mode: 'create' });
    eventual = await openPostgresEventualJournal(settings, deps);
    replicated = await openPostgresReplicatedJournal(settings, deps);
    operator = await rawClient();
  });
  after(async () => {
    for (const part of [eventual, replicated]) await part[Symbol.asyncDispose]();
    await operator.end();
    await dropSchema(schema);
  });

  for (const damaged of relationalDamages) {
    it(`${damaged.table}: ${damaged.set}`, async () => {
      const key = given.newKey(given.randomTopic());
      const batch = {
        at: given.place(7),
        ranges: rangesOf([given.eventRecord(1, 7)]),
        events: [given.eventRecord(1, 7)] as const,
        expireAfter: undefined,
      };
      await (await replicated.open(key)).append(batch, given.nowMs);
      const where =
        damaged.table === 'metajournal'
          ? 'topic = $1'
          : `journal = (SELECT journal FROM ${schema}.metajournal WHERE topic = $1)`;
      await operator.query(`UPDATE ${schema}.${damaged.table} SET ${damaged.set} WHERE ${where}`, [
        key.topic,
      ]);
      await expectNamed({ eventual, replicated, segmentSize }, key, damaged);
    });
  }
});
