import type { Client } from 'cassandra-driver';
import type { EventualJournal } from '../../../src/ports/eventual-journal.ts';
import type { ReplicatedJournal } from '../../../src/ports/replicated-journal.ts';
import { openCassandraEventualJournal } from '../../../src/stores/cassandra/eventual-journal.ts';
import { openCassandraReplicatedJournal } from '../../../src/stores/cassandra/replicated-journal.ts';
import { setUpCassandra } from '../../../src/stores/cassandra/schema/create-schema.ts';
import { SegmentNr } from '../../../src/stores/cassandra/segment.ts';
import { damage, expectNamed } from '../../contract/damaged-rows.ts';
import * as given from '../../contract/replicated-store.ts';
import { rangesOf } from '../../support/journal/ranges.ts';
import {
  cassandraSettings,
  deps,
  dropKeyspace,
  randomKeyspace,
  rawClient,
} from './cassandra-server.ts';

const keyspace = randomKeyspace();
const segmentSize = 3;
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
  let client: Client;
  let eventual: EventualJournal;
  let replicated: ReplicatedJournal;
  before(async () => {
    const settings = cassandraSettings(keyspace, { segmentSize });
    await setUpCassandra(settings, deps, { mode: 'create' });
    client = await rawClient();
    replicated = await openCassandraReplicatedJournal(settings, deps);
    eventual = await openCassandraEventualJournal(settings, deps);
  });
  after(async () => {
    await replicated[Symbol.asyncDispose]();
    await eventual[Symbol.asyncDispose]();
    await client.shutdown();
    await dropKeyspace(keyspace);
  });

  for (const damaged of damages) {
    it(`${damaged.table}: ${damaged.set}`, async () => {
      const key = given.newKey(given.randomTopic());
      const event = given.eventRecord(1, 7);
      const batch = {
        at: given.place(7),
        ranges: rangesOf([event]),
        events: [event] as const,
        expireAfter: undefined,
      };
      await (await replicated.open(key)).append(batch, given.nowMs);
      const { timestampMs } = event.record;
      const [place, segment] =
        damaged.table === 'metajournal'
          ? ['', SegmentNr.ofId(key.id)[0]]
          : [` AND seq_nr = 1 AND timestamp = ${timestampMs}`, 0];
      // The replicator's own writes carry the time of its clock.
      await client.execute(
        `UPDATE ${keyspace}.${damaged.table} USING TIMESTAMP ${Date.now() * 1000 + 1}
         SET ${damaged.set.replace('"offset"', 'offset')}
         WHERE id = '${key.id}' AND topic = '${key.topic}' AND segment = ${segment}${place}`,
      );
      await expectNamed({ eventual, replicated, segmentSize }, key, damaged);
    });
  }
});
