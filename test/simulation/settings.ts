import type { CassandraSettings } from '../../src/config/settings/cassandra-settings.ts';
import type { Plan } from './plan.ts';

const schema = {
  keyspace: { name: 'journal' },
  journalTable: 'journal',
  metaJournalTable: 'metajournal',
  pointerTable: 'pointer2',
  settingTable: 'setting',
  locksTable: 'locks',
};

/** What the store's adapters ask of their settings; nothing is connected. */
export function cassandraSettings({ segmentSize, pageSize }: Plan): CassandraSettings {
  const settings = { segmentSize, client: { fetchSize: pageSize }, schema };
  return settings as unknown as CassandraSettings;
}
