import type { CassandraSchemaSettings } from '../../../config/settings/cassandra-settings.ts';
import { type JournalStatements, journalStatements } from './journal-table.ts';
import { type MetaJournalStatements, metaJournalStatements } from './metajournal-table.ts';
import { type PointerStatements, pointerStatements } from './pointer-table.ts';
import { type SettingStatements, settingStatements } from './setting-table.ts';
import { type TenureStatements, tenureStatements } from './tenure-table.ts';
import { type WakeUpStatements, wakeUpStatements } from './wake-up-table.ts';

/** The statements of the tables that events are replicated into. */
export interface StoreTables {
  readonly journal: JournalStatements;
  readonly metaJournal: MetaJournalStatements;
  readonly pointer: PointerStatements;
  readonly setting: SettingStatements;
  readonly tenures: TenureStatements;
  readonly wakeUps: WakeUpStatements;
}

const known = new WeakMap<CassandraSchemaSettings, StoreTables>();

/** Made once for each schema: all readers and writers of a process have the same texts. */
export function storeTables(schema: CassandraSchemaSettings): StoreTables {
  let tables = known.get(schema);
  if (tables === undefined) {
    const { keyspace, journalTable, metaJournalTable, pointerTable, settingTable } = schema;
    tables = {
      journal: journalStatements(`${keyspace.name}.${journalTable}`),
      metaJournal: metaJournalStatements(`${keyspace.name}.${metaJournalTable}`),
      pointer: pointerStatements(`${keyspace.name}.${pointerTable}`),
      setting: settingStatements(`${keyspace.name}.${settingTable}`),
      tenures: tenureStatements(keyspace.name),
      wakeUps: wakeUpStatements(keyspace.name),
    };
    known.set(schema, tables);
  }
  return tables;
}
