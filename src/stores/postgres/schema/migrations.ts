/**
 * What one version adds to the one before. Append-only: a step that was released is never changed.
 *
 * @param schema the quoted name of the schema
 */
export type Migration = (schema: string) => readonly string[];

/**
 * The tables (docs/format.md#relational-tables). An event names its generation by `journal`, which
 * is never given twice, so that rows of a purged generation cannot come back.
 */
export const migrations: readonly Migration[] = [
  (schema) => [
    `CREATE TABLE ${schema}.metajournal (
      journal bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      topic text COLLATE "C" NOT NULL,
      id text COLLATE "C" NOT NULL,
      hash integer NOT NULL,
      partition integer NOT NULL,
      "offset" bigint NOT NULL,
      seq_nr bigint NOT NULL,
      delete_to bigint,
      expire_after numeric,
      expire_on date,
      record_id uuid,
      origin text,
      created timestamptz NOT NULL,
      updated timestamptz NOT NULL,
      UNIQUE (topic, id)
    )`,
    `CREATE INDEX metajournal_expire_on ON ${schema}.metajournal (topic, expire_on, id)
      WHERE expire_on IS NOT NULL`,
    `CREATE TABLE ${schema}.event (
      journal bigint NOT NULL,
      seq_nr bigint NOT NULL,
      timestamp bigint NOT NULL,
      partition integer NOT NULL,
      "offset" bigint NOT NULL,
      origin text,
      version text,
      metadata text,
      headers text,
      tags text,
      payload_type text,
      payload_txt text,
      payload_bin bytea,
      PRIMARY KEY (journal, seq_nr, timestamp, partition, "offset")
    )`,
    `CREATE TABLE ${schema}.pointer (
      topic text COLLATE "C" NOT NULL,
      partition integer NOT NULL,
      "offset" bigint NOT NULL,
      epoch bigint NOT NULL,
      created timestamptz NOT NULL,
      updated timestamptz NOT NULL,
      PRIMARY KEY (topic, partition)
    )`,
    `CREATE TABLE ${schema}.expiry (
      topic text COLLATE "C" NOT NULL,
      partition integer NOT NULL,
      day date NOT NULL,
      updated timestamptz NOT NULL,
      PRIMARY KEY (topic, partition)
    )`,
  ],
  (schema) => [
    `CREATE TABLE ${schema}.tenures (
      topic text COLLATE "C" NOT NULL,
      partition integer NOT NULL,
      scope text COLLATE "C" NOT NULL,
      "offset" bigint NOT NULL,
      holder text NOT NULL,
      address text,
      created timestamptz NOT NULL,
      PRIMARY KEY (topic, partition, scope, "offset")
    )`,
    `CREATE TABLE ${schema}.tenures_until (
      topic text COLLATE "C" NOT NULL,
      partition integer NOT NULL,
      "offset" bigint NOT NULL,
      PRIMARY KEY (topic, partition)
    )`,
  ],
  (schema) => [
    `CREATE TABLE ${schema}.wake_ups (
      topic text COLLATE "C" NOT NULL,
      partition integer NOT NULL,
      id text COLLATE "C" NOT NULL,
      due bigint NOT NULL,
      reason text NOT NULL,
      "offset" bigint NOT NULL,
      PRIMARY KEY (topic, partition, id)
    )`,
    `CREATE INDEX wake_ups_due ON ${schema}.wake_ups (topic, partition, due, id)`,
    `CREATE TABLE ${schema}.wake_ups_until (
      topic text COLLATE "C" NOT NULL,
      partition integer NOT NULL,
      "offset" bigint NOT NULL,
      PRIMARY KEY (topic, partition)
    )`,
  ],
];

/**
 * The table of snapshots, with steps of its own: a schema may have it and no journal, or no
 * snapshots.
 */
export const snapshotMigrations: readonly Migration[] = [
  (schema) => [
    `CREATE TABLE ${schema}.snapshots (
      persistence_id text COLLATE "C" NOT NULL,
      seq_nr bigint NOT NULL,
      timestamp bigint NOT NULL,
      snapshot bytea NOT NULL,
      PRIMARY KEY (persistence_id, seq_nr)
    )`,
  ],
];

/** Tables of later versions than the first: a program works without them, as it did before. */
export const mayBeMissing: ReadonlySet<string> = new Set([
  'tenures',
  'tenures_until',
  'wake_ups',
  'wake_ups_until',
]);

/** Columns that statements of a snapshot store use. */
export const neededSnapshotColumns: Readonly<Record<string, readonly string[]>> = {
  snapshots: ['persistence_id', 'seq_nr', 'timestamp', 'snapshot'],
};

/** Columns that statements use, by table. */
export const neededColumns: Readonly<Record<string, readonly string[]>> = {
  metajournal: [
    'journal',
    'topic',
    'id',
    'hash',
    'partition',
    'offset',
    'seq_nr',
    'delete_to',
    'expire_after',
    'expire_on',
    'record_id',
    'origin',
    'created',
    'updated',
  ],
  event: [
    'journal',
    'seq_nr',
    'timestamp',
    'partition',
    'offset',
    'origin',
    'version',
    'metadata',
    'headers',
    'tags',
    'payload_type',
    'payload_txt',
    'payload_bin',
  ],
  pointer: ['topic', 'partition', 'offset', 'epoch', 'created', 'updated'],
  expiry: ['topic', 'partition', 'day', 'updated'],
  tenures: ['topic', 'partition', 'scope', 'offset', 'holder', 'address', 'created'],
  tenures_until: ['topic', 'partition', 'offset'],
  wake_ups: ['topic', 'partition', 'id', 'due', 'reason', 'offset'],
  wake_ups_until: ['topic', 'partition', 'offset'],
};
