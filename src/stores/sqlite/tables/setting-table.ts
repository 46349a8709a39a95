import type { Partition, Topic } from '../../../model/position.ts';
import type { Database, Statement } from '../session.ts';

/** Statements of `setting`; writes belong into a transaction. */
export class SettingTable {
  readonly #get: Statement<{ value: string }>;
  readonly #put: Statement;

  constructor(database: Database) {
    this.#get = database.prepare('SELECT value FROM setting WHERE key = ?');
    this.#put = database.prepare(
      'INSERT OR REPLACE INTO setting (key, value, timestamp) VALUES (?, ?, ?)',
    );
  }

  get(key: string): string | undefined {
    return this.#get.get(key)?.value;
  }

  put(key: string, value: string, nowMs: number): void {
    this.#put.run(key, value, nowMs);
  }
}

/** Name of the day up to which a partition's share of expired journals was purged. */
export function expiredUntilKey(topic: Topic, partition: Partition): string {
  return `expired-until/${topic}/${partition}`;
}
