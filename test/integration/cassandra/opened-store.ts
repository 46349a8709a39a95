import type { Client } from 'cassandra-driver';
import type { EventualJournal } from '../../../src/ports/eventual-journal.ts';
import type { ReplicatedJournal } from '../../../src/ports/replicated-journal.ts';
import { openCassandraEventualJournal } from '../../../src/stores/cassandra/eventual-journal.ts';
import { openCassandraReplicatedJournal } from '../../../src/stores/cassandra/replicated-journal.ts';
import { setUpCassandra } from '../../../src/stores/cassandra/schema/create-schema.ts';
import { cassandraSettings, deps, rawClient } from './cassandra-server.ts';
import { sharedKeyspace } from './shared-keyspace.ts';

/** Both sides of a store, and the driver to look at its rows. */
export interface OpenedStore {
  readonly keyspace: string;
  readonly segmentSize: number;
  readonly client: Client;
  readonly eventual: EventualJournal;
  readonly replicated: ReplicatedJournal;
}

/** Opens the store before the tests of the suite that calls it, and drops it after them. */
export function openedStore(segmentSize: number): () => OpenedStore {
  const keyspace = sharedKeyspace();
  let opened: OpenedStore;
  before(async () => {
    const settings = cassandraSettings(keyspace, { segmentSize });
    await setUpCassandra(settings, deps, { mode: 'create' });
    const client = await rawClient();
    const replicated = await openCassandraReplicatedJournal(settings, deps);
    const eventual = await openCassandraEventualJournal(settings, deps);
    opened = { keyspace, segmentSize, client, eventual, replicated };
  });
  after(async () => {
    await opened.replicated[Symbol.asyncDispose]();
    await opened.eventual[Symbol.asyncDispose]();
    await opened.client.shutdown();
  });
  return () => opened;
}
