import { nonEmptyText, oneOf } from '../kinds.ts';
import type { SettingReader } from '../setting-reader.ts';
import { type CassandraSettings, readCassandraSettings } from './cassandra-settings.ts';
import { type PostgresSettings, readPostgresSettings } from './postgres-settings.ts';

/**
 * Where replicated events are, and how to reach that store: `eventual` and the section of its name.
 */
export type EventualSettings =
  | { readonly type: 'cassandra'; readonly cassandra: CassandraSettings }
  | { readonly type: 'postgres'; readonly postgres: PostgresSettings }
  | { readonly type: 'sqlite'; readonly sqlite: SqliteFileSettings };

/** The file of a replicated store on SQLite. */
export interface SqliteFileSettings {
  /** Path, relative to the working directory. */
  readonly file: string;
}

/**
 * Reads `eventual` and all sections of stores: a wrong key is found before the day on which the
 * section counts.
 */
export function readEventualSettings(reader: SettingReader): EventualSettings {
  const type = reader.read('eventual', oneOf('cassandra', 'postgres', 'sqlite'));
  const cassandra = readCassandraSettings(reader.section('cassandra', 'cassandra'));
  const postgres = readPostgresSettings(reader.section('postgres', 'postgres'));
  const sqliteReader = reader.section('sqlite', 'sqlite');
  const sqlite = { file: sqliteReader.read('file', nonEmptyText) };
  if (type === 'sqlite' && sqlite.file === ':memory:') {
    sqliteReader.problem('file', 'must be a file: memory is not shared with the replicator');
  }
  switch (type) {
    case 'cassandra':
      return { type, cassandra };
    case 'postgres':
      return { type, postgres };
    case 'sqlite':
      return { type, sqlite };
  }
}
