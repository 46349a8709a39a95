import { SegmentNr } from '../../../src/stores/cassandra/segment.ts';
import { damage, describeDamagedRows } from '../../contract/damaged-rows.ts';
import { openedStore } from './opened-store.ts';

const damages = [
  damage('metajournal', 'seq_nr', '9223372036854770002'),
  damage('metajournal', 'seq_nr', '0'),
  damage('metajournal', 'seq_nr', '-5'),
  damage('metajournal', 'seq_nr', 'null'),
  damage('metajournal', 'delete_to', '9223372036854770002'),
  damage('metajournal', 'delete_to', '-1'),
  damage('metajournal', 'partition', '-1'),
  damage('metajournal', 'offset', '-7'),
  damage('metajournal', 'offset', '9223372036854770002'),
  damage('journal', 'partition', '-3'),
  damage('journal', 'offset', '9223372036854770002'),
  damage('journal', 'metadata', `'no JSON'`),
  damage('journal', 'metadata', `'7'`),
  damage('journal', 'payload_txt', `'{'`, `, payload_type = 'json'`),
  damage('journal', 'payload_txt', 'null', `, payload_type = 'text'`),
  damage('journal', 'payload_txt', `'x'`, `, payload_type = 'unknown'`),
];

describe('a row in Cassandra that cannot be decoded is named by key, table and column, and is no outage', function () {
  this.timeout(60_000);
  const store = openedStore(3);
  describeDamagedRows(damages, async () => ({
    ...store(),
    async spoil(key, { table, set }, { event, record }) {
      const { keyspace, client } = store();
      const [place, segment] =
        table === 'metajournal'
          ? ['', SegmentNr.ofId(key.id)[0]]
          : [` AND seq_nr = ${event.seqNr} AND timestamp = ${record.timestampMs}`, 0];
      // The replicator's own writes carry the time of its clock.
      await client.execute(
        `UPDATE ${keyspace}.${table} USING TIMESTAMP ${Date.now() * 1000 + 1}
         SET ${set.replace('"offset"', 'offset')}
         WHERE id = '${key.id}' AND topic = '${key.topic}' AND segment = ${segment}${place}`,
      );
    },
    // All tests share the store.
    async [Symbol.asyncDispose]() {},
  }));
});
