import type { CassandraSchemaSettings } from '../../../config/settings/cassandra-settings.ts';
import { tenuresTable, tenuresUntilTable } from '../tables/tenure-table.ts';
import {
  wakeUpBucketsTable,
  wakeUpKeysTable,
  wakeUpsTable,
  wakeUpsUntilTable,
} from '../tables/wake-up-table.ts';

/** A table; order of columns and keys included (docs/format.md#tables). */
export interface TableDefinition {
  readonly name: string;
  readonly columns: Readonly<Record<string, string>>;
  readonly primaryKey: string;
  /** Of the clustering columns; ascending unless given. */
  readonly clusteringOrder?: string;
  /** Columns with a secondary index `<table>_<column>_idx`. */
  readonly indexes: readonly string[];
  /** The JVM system does not create it, and the store works without it. */
  readonly mayBeMissing?: true;
}

/** The tables, in the order in which they are created: the JVM system's four as it does, ours. */
export function tableDefinitions(schema: CassandraSchemaSettings): readonly TableDefinition[] {
  return [
    { name: schema.journalTable, ...journal },
    { name: schema.pointerTable, ...pointer },
    { name: schema.settingTable, ...setting },
    { name: schema.metaJournalTable, ...metaJournal },
    { name: tenuresTable, ...tenures },
    { name: tenuresUntilTable, ...partitionUntil },
    { name: wakeUpKeysTable, ...wakeUpKeys },
    { name: wakeUpsTable, ...wakeUps },
    { name: wakeUpBucketsTable, ...wakeUpBuckets },
    { name: wakeUpsUntilTable, ...partitionUntil },
  ];
}

/** The table of locks, which belongs to setting up and is made before the others. */
export function locksDefinition(schema: CassandraSchemaSettings): TableDefinition {
  return { name: schema.locksTable, ...locks };
}

/** The table of a snapshot store, which clients write. */
export function snapshotsDefinition(name: string): TableDefinition {
  return { name, ...snapshots };
}

/** CREATE statements of a table and of its indexes. */
export function createTableCql(keyspace: string, table: TableDefinition): readonly string[] {
  const columns = Object.entries(table.columns).map(([name, type]) => `${name} ${type}`);
  const body = [...columns, `PRIMARY KEY (${table.primaryKey})`].join(', ');
  const { clusteringOrder: order } = table;
  const options = order === undefined ? '' : ` WITH CLUSTERING ORDER BY (${order})`;
  return [
    `CREATE TABLE IF NOT EXISTS ${keyspace}.${table.name} (${body})${options}`,
    ...table.indexes.map((column) => createIndexCql(keyspace, table.name, column)),
  ];
}

/** The statement that makes the index of a column, unless it is there. */
export function createIndexCql(keyspace: string, table: string, column: string): string {
  const name = indexName(table, column);
  return `CREATE INDEX IF NOT EXISTS ${name} ON ${keyspace}.${table} (${column})`;
}

/** The JVM system's name of the index of a column. */
export function indexName(table: string, column: string): string {
  return `${table}_${column}_idx`;
}

type Definition = Omit<TableDefinition, 'name'>;

const journal: Definition = {
  columns: {
    id: 'text',
    topic: 'text',
    segment: 'bigint',
    seq_nr: 'bigint',
    timestamp: 'timestamp',
    partition: 'int',
    offset: 'bigint',
    origin: 'text',
    version: 'text',
    meta_record_id: 'uuid',
    tags: 'set<text>',
    metadata: 'text',
    payload_type: 'text',
    payload_txt: 'text',
    payload_bin: 'blob',
    headers: 'map<text, text>',
  },
  primaryKey: '(id, topic, segment), seq_nr, timestamp',
  indexes: [],
};

const pointer: Definition = {
  columns: {
    topic: 'text',
    partition: 'int',
    offset: 'bigint',
    created: 'timestamp',
    updated: 'timestamp',
  },
  primaryKey: '(topic, partition)',
  indexes: [],
};

const setting: Definition = {
  columns: { key: 'text', value: 'text', timestamp: 'timestamp', origin: 'text', metadata: 'text' },
  primaryKey: 'key',
  indexes: [],
};

const metaJournal: Definition = {
  columns: {
    topic: 'text',
    segment: 'bigint',
    id: 'text',
    partition: 'int',
    offset: 'bigint',
    segment_size: 'int',
    seq_nr: 'bigint',
    delete_to: 'bigint',
    created: 'timestamp',
    created_date: 'date',
    updated: 'timestamp',
    expire_after: 'duration',
    expire_on: 'date',
    record_id: 'uuid',
    origin: 'text',
    properties: 'map<text, text>',
    metadata: 'text',
  },
  primaryKey: '(topic, segment), id',
  indexes: ['created_date', 'expire_on'],
};

const tenures: Definition = {
  columns: {
    topic: 'text',
    partition: 'int',
    scope: 'text',
    offset: 'bigint',
    holder: 'text',
    address: 'text',
    created: 'timestamp',
  },
  primaryKey: '(topic, partition), scope, offset',
  clusteringOrder: 'scope ASC, offset DESC',
  indexes: [],
  mayBeMissing: true,
};

/** How far something of a partition is known. */
const partitionUntil: Definition = {
  columns: { topic: 'text', partition: 'int', offset: 'bigint' },
  primaryKey: '(topic, partition)',
  indexes: [],
  mayBeMissing: true,
};

const wakeUpKeys: Definition = {
  columns: {
    topic: 'text',
    partition: 'int',
    share: 'int',
    id: 'text',
    due: 'bigint',
    reason: 'text',
    offset: 'bigint',
  },
  primaryKey: '(topic, partition, share), id',
  indexes: [],
  mayBeMissing: true,
};

const wakeUps: Definition = {
  columns: {
    topic: 'text',
    partition: 'int',
    bucket: 'bigint',
    share: 'int',
    due: 'bigint',
    id: 'text',
  },
  primaryKey: '(topic, partition, bucket, share), due, id',
  indexes: [],
  mayBeMissing: true,
};

const wakeUpBuckets: Definition = {
  columns: { topic: 'text', partition: 'int', bucket: 'bigint' },
  primaryKey: '(topic, partition), bucket',
  indexes: [],
  mayBeMissing: true,
};

const snapshots: Definition = {
  columns: {
    persistence_id: 'text',
    seq_nr: 'bigint',
    save: 'text',
    part: 'int',
    timestamp: 'bigint',
    parts: 'int',
    parts_of: 'text',
    snapshot: 'blob',
  },
  primaryKey: 'persistence_id, seq_nr, save, part',
  clusteringOrder: 'seq_nr DESC, save ASC, part ASC',
  indexes: [],
};

const locks: Definition = {
  columns: { id: 'text', expiry_ms: 'bigint', timestamp: 'timestamp', metadata: 'text' },
  primaryKey: 'id',
  indexes: [],
};
