import { javaStringHash } from '../../../codec/java-hash.ts';

/** By journal: what it waits for. Only this table says it. */
export const wakeUpKeysTable = 'wake_up_keys';
/** By time: which journals may be due then. */
export const wakeUpsTable = 'wake_ups';
/** By partition: the stretches of time of which `wake_ups` has, or had, rows. */
export const wakeUpBucketsTable = 'wake_up_buckets';
/** How far those of a partition are complete. */
export const wakeUpsUntilTable = 'wake_ups_until';

/**
 * Length of a stretch of time. A row that is replaced leaves a tombstone in its stretch, and a read
 * passes over all of them; so a stretch is short, and spread over several partitions of the table.
 */
export const bucketMs = 600_000;

/** The stretch of a time. */
export function bucketOf(dueMs: number): number {
  return Math.floor(dueMs / bucketMs);
}

/** Over how many partitions of the tables the journals of one partition are spread. */
export const wakeUpShares = 16;

/** The share of a journal. */
export function shareOf(id: string): number {
  return Math.abs(javaStringHash(id) % wakeUpShares);
}

/** Statements of the tables of wake-ups (docs/format.md#tables). */
export interface WakeUpStatements {
  /** The offset, and when it was written. */
  readonly selectUntil: string;
  readonly saveUntil: string;
  /** What one journal waits for, since which offset, and when that was written. */
  readonly selectKey: string;
  /** What some journals of one share wait for. */
  readonly selectKeys: string;
  readonly insertKey: string;
  readonly deleteKey: string;
  readonly clearKeys: string;
  /** Of one stretch and share, up to a time, ascending. */
  readonly selectDue: string;
  readonly insertDue: string;
  readonly deleteDue: string;
  readonly clearDue: string;
  /** From one to another, both inclusive, ascending. */
  readonly selectBuckets: string;
  readonly insertBucket: string;
  readonly deleteBucket: string;
  readonly clearBuckets: string;
}

/** The statements for the tables of a keyspace. */
export function wakeUpStatements(keyspace: string): WakeUpStatements {
  const ofPartition = 'WHERE topic = ? AND partition = ?';
  const until = `${keyspace}.${wakeUpsUntilTable}`;
  const keys = `${keyspace}.${wakeUpKeysTable}`;
  const ofShare = `${ofPartition} AND share = ?`;
  const due = `${keyspace}.${wakeUpsTable}`;
  const ofBucket = `${ofPartition} AND bucket = ? AND share = ?`;
  const buckets = `${keyspace}.${wakeUpBucketsTable}`;
  return {
    selectUntil: `SELECT offset, WRITETIME(offset) AS written FROM ${until} ${ofPartition}`,
    saveUntil: `INSERT INTO ${until} (topic, partition, offset) VALUES (?, ?, ?)`,
    selectKey: `SELECT due, offset, WRITETIME(due) AS written FROM ${keys} ${ofShare} AND id = ?`,
    selectKeys: `SELECT id, due, reason, offset FROM ${keys} ${ofShare} AND id IN ?`,
    insertKey:
      `INSERT INTO ${keys} (topic, partition, share, id, due, reason, offset) ` +
      'VALUES (?, ?, ?, ?, ?, ?, ?)',
    deleteKey: `DELETE FROM ${keys} ${ofShare} AND id = ?`,
    clearKeys: `DELETE FROM ${keys} ${ofShare}`,
    selectDue: `SELECT due, id FROM ${due} ${ofBucket} AND due <= ?`,
    insertDue: `INSERT INTO ${due} (topic, partition, bucket, share, due, id) VALUES (?, ?, ?, ?, ?, ?)`,
    deleteDue: `DELETE FROM ${due} ${ofBucket} AND due = ? AND id = ?`,
    clearDue: `DELETE FROM ${due} ${ofBucket}`,
    selectBuckets: `SELECT bucket FROM ${buckets} ${ofPartition} AND bucket >= ? AND bucket <= ?`,
    insertBucket: `INSERT INTO ${buckets} (topic, partition, bucket) VALUES (?, ?, ?)`,
    deleteBucket: `DELETE FROM ${buckets} ${ofPartition} AND bucket = ?`,
    clearBuckets: `DELETE FROM ${buckets} ${ofPartition}`,
  };
}
