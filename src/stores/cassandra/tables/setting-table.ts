import type { Partition, Topic } from '../../../model/position.ts';
import { insertCql } from './insert-cql.ts';

/** Statements of the table of named values (docs/format.md#tables). */
export interface SettingStatements {
  readonly select: string;
  readonly insert: string;
}

export function settingStatements(table: string): SettingStatements {
  return {
    select: `SELECT value, timestamp, origin FROM ${table} WHERE key = ?`,
    insert: insertCql(table, ['key', 'value', 'timestamp', 'origin']),
  };
}

/** Name of the day up to which a partition's share of expired journals was purged. */
export function expiredUntilKey(topic: Topic, partition: Partition): string {
  return `expired-until/${topic}/${partition}`;
}
