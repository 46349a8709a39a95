import type { Partition, Topic } from '../../../model/position.ts';

/** Statements of the table of named values (docs/format.md#tables). */
export interface SettingStatements {
  readonly select: string;
  readonly insert: string;
}

/** The statements for a table of that name, keyspace included. */
export function settingStatements(table: string): SettingStatements {
  return {
    select: `SELECT value, timestamp, origin FROM ${table} WHERE key = ?`,
    insert: `INSERT INTO ${table} (key, value, timestamp, origin) VALUES (?, ?, ?, ?)`,
  };
}

/** Name of the day up to which a partition's share of expired journals was purged. */
export function expiredUntilKey(topic: Topic, partition: Partition): string {
  return `expired-until/${topic}/${partition}`;
}
