import { FencedError } from '../model/errors.ts';
import { type Offset, type Partition, Topic } from '../model/position.ts';
import type { OffsetMove } from '../ports/replicated-journal.ts';
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
       ON CONFLICT DO UPDATE SET "offset" = excluded."offset", updated = excluded.updated`,
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

  /**
   * Moves it if it stands at `after`, or has been moved to `offset` already.
   *
   * @throws {FencedError} it stands elsewhere
   */
  move({ topic, partition, offset, after }: OffsetMove, nowMs: number): void {
    const stored = this.offset(topic, partition);
    if (stored === offset) return;
    if (stored !== after) throw fenced({ topic, partition, offset, after }, stored);
    this.#save.run(topic, partition, offset, nowMs, nowMs);
  }
}

function fenced({ topic, partition, offset, after }: OffsetMove, stored?: Offset): FencedError {
  const place = `the replicated offset of ${topic}:${partition}`;
  return new FencedError(
    `${place} was to move from ${after ?? 'none'} to ${offset}, but stands at ${stored ?? 'none'}: ` +
      'another process replicates the partition',
  );
}
