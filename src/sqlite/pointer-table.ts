import { type Offset, type Partition, Topic } from '../model/position.ts';
import type { Database, Statement } from './sqlite-database.ts';

/** How far one partition is replicated, and since when. */
export interface PointerRow {
  readonly topic: Topic;
  readonly partition: Partition;
  readonly offset: Offset;
  readonly updated: number;
}

/** Statements of `pointer`; writes belong into a transaction. */
export class PointerTable {
  readonly #all: Statement<PointerRow>;
  readonly #topics: Statement<{ topic: string }>;
  readonly #offset: Statement<{ offset: number }>;
  readonly #save: Statement;

  constructor(database: Database) {
    this.#all = database.prepare('SELECT topic, partition, "offset", updated FROM pointer');
    this.#topics = database.prepare('SELECT DISTINCT topic FROM pointer');
    this.#offset = database.prepare(
      'SELECT "offset" FROM pointer WHERE topic = ? AND partition = ?',
    );
    this.#save = database.prepare(
      `INSERT INTO pointer (topic, partition, "offset", created, updated)
       VALUES (?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET "offset" = excluded."offset", updated = excluded.updated
       WHERE excluded."offset" > pointer."offset"`,
    );
  }

  all(): readonly PointerRow[] {
    return this.#all.all();
  }

  topics(): Topic[] {
    return this.#topics.all().map(({ topic }) => Topic.of(topic));
  }

  offset(topic: Topic, partition: Partition): Offset | undefined {
    return this.#offset.get(topic, partition)?.offset as Offset | undefined;
  }

  /** Never moves it back. */
  save({ topic, partition, offset, updated }: PointerRow): void {
    this.#save.run(topic, partition, offset, updated, updated);
  }
}
