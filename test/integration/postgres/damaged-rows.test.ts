import { describeDamagedRows, relationalDamages } from '../../contract/damaged-rows.ts';
import { openedStore } from './opened-store.ts';

describe('a row in PostgreSQL that cannot be decoded is named by key, table and column, and is no outage', function () {
  this.timeout(30_000);
  const store = openedStore();
  describeDamagedRows(relationalDamages, async () => ({
    ...store(),
    async spoil({ topic }, { table, set }) {
      const { schema, operator } = store();
      const where =
        table === 'metajournal'
          ? 'topic = $1'
          : `journal = (SELECT journal FROM ${schema}.metajournal WHERE topic = $1)`;
      await operator.query(`UPDATE ${schema}.${table} SET ${set} WHERE ${where}`, [topic]);
    },
    // All tests share the store.
    async [Symbol.asyncDispose]() {},
  }));
});
