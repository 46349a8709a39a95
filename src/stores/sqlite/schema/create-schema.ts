import { InvalidInputError } from '../../../model/errors.ts';
import { fillLogTenures } from '../log/log-tenures.ts';
import type { Database } from '../session.ts';

/** Format of the tables below, kept in `PRAGMA user_version`: how many steps were applied. */
export const schemaVersion = 8;

/**
 * The log: `log_topic`, `log_partition` and `log_batch`, one row a partition and group commit. A
 * row is found by its last offset; `keys` holds a hash a record, so that a reader passes over rows
 * without its key, and the records themselves are stored apart, in `log_body` (formats:
 * batch-codec.ts). `log_owner` says who replicates a topic, `log_tenure` which opening mark of a
 * scope is the last one in a partition: writers look at it.
 *
 * The store: `metajournal` one row a journal and generation, `event` one row an event, `pointer`
 * one a partition (`epoch` counts how often it was claimed), `setting` one a named value, `tenures`
 * one an opening mark, `tenures_until` one a partition: how far its marks are known, `wake_ups` one
 * a journal that waits, `wake_ups_until` one a partition: how far these are complete. Names and
 * meaning are those of Cassandra's tables (docs/format.md#tables), but that an event names its
 * generation by `journal`, which a purge retires.
 *
 * The fleet: `fleet_member` one row a process that shares the partitions with others, `fleet_view`
 * one a fleet: what its members agreed on last (docs/format.md#fleet-in-a-file).
 *
 * `snapshots` one row a snapshot, written by the processes that host the entities.
 */
const tables = `
CREATE TABLE log_topic (
  topic TEXT PRIMARY KEY,
  partitions INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
CREATE TABLE log_partition (
  log INTEGER PRIMARY KEY,
  topic TEXT NOT NULL,
  partition INTEGER NOT NULL,
  first_offset INTEGER NOT NULL,
  next_offset INTEGER NOT NULL,
  UNIQUE (topic, partition)
) STRICT;
CREATE TABLE log_batch (
  log INTEGER NOT NULL,
  last_offset INTEGER NOT NULL,
  first_offset INTEGER NOT NULL,
  keys BLOB NOT NULL,
  batch INTEGER NOT NULL,
  PRIMARY KEY (log, last_offset)
) WITHOUT ROWID, STRICT;
CREATE TABLE log_body (
  batch INTEGER PRIMARY KEY,
  body BLOB NOT NULL
) STRICT;
CREATE TABLE log_owner (
  topic TEXT PRIMARY KEY,
  owner TEXT NOT NULL,
  expires INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
CREATE TABLE metajournal (
  journal INTEGER PRIMARY KEY AUTOINCREMENT,
  topic TEXT NOT NULL,
  id TEXT NOT NULL,
  partition INTEGER NOT NULL,
  "offset" INTEGER NOT NULL,
  segment_size INTEGER NOT NULL,
  seq_nr INTEGER NOT NULL,
  delete_to INTEGER,
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  expire_after TEXT,
  expire_on TEXT,
  record_id TEXT,
  origin TEXT,
  UNIQUE (topic, id)
) STRICT;
CREATE INDEX metajournal_expire_on ON metajournal (expire_on) WHERE expire_on IS NOT NULL;
CREATE TABLE event (
  journal INTEGER NOT NULL,
  seq_nr INTEGER NOT NULL,
  timestamp INTEGER NOT NULL,
  "offset" INTEGER NOT NULL,
  partition INTEGER NOT NULL,
  origin TEXT,
  version TEXT,
  metadata TEXT,
  headers TEXT,
  tags TEXT,
  payload_type TEXT,
  payload_txt TEXT,
  payload_bin BLOB,
  PRIMARY KEY (journal, seq_nr, timestamp, "offset")
) WITHOUT ROWID, STRICT;
CREATE TABLE pointer (
  topic TEXT NOT NULL,
  partition INTEGER NOT NULL,
  "offset" INTEGER NOT NULL,
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  PRIMARY KEY (topic, partition)
) WITHOUT ROWID, STRICT;
`;

/** What each version added to the one before it: append-only. */
const steps: readonly (string | ((database: Database) => void))[] = [
  tables,
  `
CREATE TABLE setting (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL,
  timestamp INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
`,
  'ALTER TABLE pointer ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0',
  `
CREATE TABLE tenures (
  topic TEXT NOT NULL,
  partition INTEGER NOT NULL,
  scope TEXT NOT NULL,
  "offset" INTEGER NOT NULL,
  holder TEXT NOT NULL,
  address TEXT,
  created INTEGER NOT NULL,
  PRIMARY KEY (topic, partition, scope, "offset")
) WITHOUT ROWID, STRICT;
CREATE TABLE tenures_until (
  topic TEXT NOT NULL,
  partition INTEGER NOT NULL,
  "offset" INTEGER NOT NULL,
  PRIMARY KEY (topic, partition)
) WITHOUT ROWID, STRICT;
`,
  (database) => {
    database.exec(`
CREATE TABLE log_tenure (
  log INTEGER NOT NULL,
  scope TEXT NOT NULL,
  "offset" INTEGER NOT NULL,
  holder TEXT NOT NULL,
  address TEXT,
  PRIMARY KEY (log, scope)
) WITHOUT ROWID, STRICT;
`);
    fillLogTenures(database);
  },
  `
CREATE TABLE fleet_member (
  fleet TEXT NOT NULL,
  member TEXT NOT NULL,
  address TEXT NOT NULL,
  process TEXT NOT NULL,
  topics TEXT NOT NULL,
  expires INTEGER NOT NULL,
  PRIMARY KEY (fleet, member)
) WITHOUT ROWID, STRICT;
CREATE TABLE fleet_view (
  fleet TEXT PRIMARY KEY,
  generation INTEGER NOT NULL,
  view TEXT NOT NULL,
  basis TEXT NOT NULL,
  balanced INTEGER NOT NULL,
  changed INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
`,
  `
CREATE TABLE wake_ups (
  topic TEXT NOT NULL,
  partition INTEGER NOT NULL,
  id TEXT NOT NULL,
  due INTEGER NOT NULL,
  reason TEXT NOT NULL,
  "offset" INTEGER NOT NULL,
  PRIMARY KEY (topic, partition, id)
) WITHOUT ROWID, STRICT;
CREATE INDEX wake_ups_due ON wake_ups (topic, partition, due, id);
CREATE TABLE wake_ups_until (
  topic TEXT NOT NULL,
  partition INTEGER NOT NULL,
  "offset" INTEGER NOT NULL,
  PRIMARY KEY (topic, partition)
) WITHOUT ROWID, STRICT;
`,
  // With a rowid: rows of megabytes would make the tree of a table without one deep and slow.
  `
CREATE TABLE snapshots (
  persistence_id TEXT NOT NULL,
  seq_nr INTEGER NOT NULL,
  timestamp INTEGER NOT NULL,
  snapshot BLOB NOT NULL,
  PRIMARY KEY (persistence_id, seq_nr)
) STRICT;
`,
];

/**
 * Creates the tables in a new file, adds what is new to an old one, in one transaction; two
 * processes may do so at once.
 *
 * @throws {InvalidInputError} the file belongs to another program or to a later version of this one
 */
export function createSchema(database: Database, file: string): void {
  database.exec('BEGIN IMMEDIATE');
  try {
    const version = formatOf(database, file);
    refuseForeign(database, file, version);
    for (const step of steps.slice(version)) {
      if (typeof step === 'string') database.exec(step);
      else step(database);
    }
    if (version < schemaVersion) database.exec(`PRAGMA user_version = ${schemaVersion}`);
  } catch (error) {
    // After a full disk, SQLite may have ended the transaction by itself.
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
  database.exec('COMMIT');
}

/**
 * The format of a file, which may be open for reading only.
 *
 * @throws {InvalidInputError} of a later version of this program
 */
export function formatOf(database: Database, file: string): number {
  const row = database.prepare<{ user_version: number }>('PRAGMA user_version').get();
  const version = row?.user_version ?? 0;
  if (version <= schemaVersion) return version;
  throw new InvalidInputError(
    `${file} has journal format ${version}; this version reads up to ${schemaVersion}`,
  );
}

function refuseForeign(database: Database, file: string, version: number): void {
  if (version > 0) return;
  const other = database.prepare<{ name: string }>('SELECT name FROM sqlite_schema LIMIT 1').get();
  if (other !== undefined) {
    throw new InvalidInputError(
      `${file} is the database of another program: it has "${other.name}"`,
    );
  }
}
