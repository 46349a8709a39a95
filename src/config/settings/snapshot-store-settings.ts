import { ConfigError, type ConfigProblem } from '../../model/errors.ts';
import type { Config } from '../config.ts';
import { duration, integer, nonEmptyText, text } from '../kinds.ts';
import { SettingReader } from '../setting-reader.ts';
import {
  type CassandraSettings,
  cassandraName,
  readCassandraSettings,
} from './cassandra-settings.ts';
import { type PostgresSettings, readPostgresSettings } from './postgres-settings.ts';

/** A snapshot store of this package, and where it keeps them. */
export type SnapshotStoreSettings =
  | { readonly type: 'memory' }
  | {
      readonly type: 'local';
      /** Folder, relative to the working directory. */
      readonly dir: string;
      /** Damaged files in a row after which a load fails; at least 1. */
      readonly maxLoadAttempts: number;
    }
  | {
      readonly type: 'sqlite';
      /** Path, relative to the working directory, or `:memory:`. */
      readonly file: string;
    }
  | {
      readonly type: 'cassandra';
      readonly cassandra: CassandraSettings;
      readonly table: string;
      /** `undefined` = until they are deleted. */
      readonly ttlSeconds: number | undefined;
    }
  | { readonly type: 'postgres'; readonly postgres: PostgresSettings };

type StoreType = SnapshotStoreSettings['type'];

const jvmPackages = ['akka', 'org.apache.pekko'];

/** What the `class` of a section may be, with the store that it stands for. */
export const snapshotStoreClasses: ReadonlyMap<string, StoreType> = new Map<string, StoreType>([
  ['builtin#InMemorySnapshotStore', 'memory'],
  ['builtin#LocalSnapshotStore', 'local'],
  ['builtin#EmbeddedSnapshotStore', 'sqlite'],
  ['builtin#CassandraSnapshotStore', 'cassandra'],
  ['builtin#PostgresSnapshotStore', 'postgres'],
  ...jvmPackages.map(
    (name) => [`${name}.persistence.snapshot.local.LocalSnapshotStore`, 'local'] as const,
  ),
]);

/** Where the settings of each store, and so its defaults, are by convention. */
export const snapshotStorePaths = {
  memory: 'akka.persistence.snapshot-store.inmem',
  local: 'akka.persistence.snapshot-store.local',
  sqlite: 'evolutiongaming.kafka-journal.embedded.snapshot-store',
  cassandra: 'evolutiongaming.kafka-journal.snapshot-store.cassandra',
  postgres: 'evolutiongaming.kafka-journal.snapshot-store.postgres',
} as const satisfies Record<StoreType, string>;

/** Keys of every section that say how the store is used, and not what it is: others read them. */
const keysOfTheHost = [
  'class',
  'start-timeout',
  'circuit-breaker',
  'snapshot-is-optional',
  'only-one-snapshot',
];

const int32 = 0x7fffffff;
const dayMs = 86_400_000;
/** Cassandra keeps nothing with a time to live above twenty years; parts live an hour longer. */
const maxTtlMs = (20 * 365 - 1) * dayMs;

/**
 * Reads the section of a snapshot store of this package.
 *
 * @param section as the application has it, wherever it is; laid over the defaults of its store
 * @throws {ConfigError} with all problems of the section
 */
export function readSnapshotStoreSettings(section: Config, type: StoreType): SnapshotStoreSettings {
  const reader = new SettingReader(section.over(snapshotStorePaths[type]), 'snapshot store');
  reader.optional('class', text);
  for (const key of keysOfTheHost) reader.know(key);
  return reader.finish(readStore(reader, type));
}

/**
 * The stores of this package among those that `akka.persistence.snapshot-store` names, by the path
 * of their section. Those of another package are set up by whoever brings them.
 *
 * @throws {ConfigError} with all problems of their sections, or a path without one
 */
export function readNamedSnapshotStores(
  config: Config,
): ReadonlyMap<string, SnapshotStoreSettings> {
  const names = 'akka.persistence.snapshot-store';
  const [plugin, others] = [`${names}.plugin`, `${names}.auto-start-snapshot-stores`];
  const paths = [
    ...(config.has(plugin) ? [config.getString(plugin)] : []),
    ...(config.has(others) ? config.getStringList(others) : []),
  ];
  const problems: ConfigProblem[] = [];
  const found = new Map<string, SnapshotStoreSettings>();
  for (const path of new Set(paths.filter((name) => name !== ''))) {
    try {
      const section = config.section(path);
      const type = snapshotStoreClasses.get(section.has('class') ? section.getString('class') : '');
      if (type !== undefined) found.set(path, readSnapshotStoreSettings(section, type));
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems.push(...error.problems);
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return found;
}

function readStore(reader: SettingReader, type: StoreType): SnapshotStoreSettings {
  switch (type) {
    case 'memory':
      return { type };
    case 'local':
      return {
        type,
        dir: reader.read('dir', nonEmptyText),
        maxLoadAttempts: reader.read('max-load-attempts', integer({ min: 1, max: int32 })),
      };
    case 'sqlite':
      return { type, file: reader.read('file', nonEmptyText) };
    case 'cassandra': {
      const ttlMs = reader.optional('ttl', duration({ min: 1_000, max: maxTtlMs }));
      return {
        type,
        cassandra: readCassandraSettings(reader.section('cassandra', 'cassandra')),
        table: reader.read('table', cassandraName),
        ttlSeconds: ttlMs === undefined ? undefined : Math.ceil(ttlMs / 1_000),
      };
    }
    case 'postgres':
      return { type, postgres: readPostgresSettings(reader.section('postgres', 'postgres')) };
  }
}
