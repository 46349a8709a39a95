import { FencedError } from '../../../model/errors.ts';
import { type Offset, type Partition, Topic } from '../../../model/position.ts';
import type { OffsetMove } from '../../../ports/replicated-journal.ts';
import { pointerOffset } from '../../relational/journal-cells.ts';
import { allRows, type Database, type Statement } from '../session.ts';

/** How far one partition is replicated, and since when. */
export interface PointerRow {
  readonly topic: Topic;
  readonly partition: Partition;
  readonly offset: Offset;
  readonly updated: number;
}

/** What a claim found; both are absent where nothing is replicated. */
export interface ClaimedPointer {
  readonly offset: Offset | undefined;
  readonly epoch: number | undefined;
}

/** Statements of `pointer`; writes belong into a transaction. */
export class PointerTable {
  readonly #all: Statement<PointerRow>;
  readonly #topics: Statement<{ topic: string }>;
  readonly #offset: Statement<{ offset: number; epoch: number }>;
  readonly #insert: Statement;
  readonly #update: Statement;
  readonly #claim: Statement;

  constructor(database: Database) {
    this.#all = database.prepare('SELECT topic, partition, "offset", updated FROM pointer');
    this.#topics = database.prepare('SELECT DISTINCT topic FROM pointer');
    this.#offset = database.prepare(
      'SELECT "offset", epoch FROM pointer WHERE topic = ? AND partition = ?',
    );
    this.#insert = database.prepare(
      `INSERT INTO pointer (topic, partition, "offset", created, updated, epoch)
       VALUES (?, ?, ?, ?, ?, 1)`,
    );
    this.#update = database.prepare(
      `UPDATE pointer SET "offset" = ?, updated = ? WHERE topic = ? AND partition = ?`,
    );
    this.#claim = database.prepare(
      `UPDATE pointer SET epoch = epoch + 1 WHERE topic = ? AND partition = ?`,
    );
  }

  all(): readonly PointerRow[] {
    return this.#all.all();
  }

  topics(): Topic[] {
    return this.#topics.all().map(({ topic }) => Topic.of(topic));
  }

  offset(topic: Topic, partition: Partition): Offset | undefined {
    return this.#rowOf(topic, partition)?.offset;
  }

  /** How often it was claimed; `undefined` = nothing is replicated. */
  epoch(topic: Topic, partition: Partition): number | undefined {
    return this.#rowOf(topic, partition)?.epoch;
  }

  /**
   * @throws {CodecError} naming topic, partition, table and column
   */
  #rowOf(
    topic: Topic,
    partition: Partition,
  ): { readonly offset: Offset; readonly epoch: number } | undefined {
    const [row] = allRows(this.#offset, topic, partition);
    return row && { offset: pointerOffset(topic, partition, row.offset), epoch: row.epoch };
  }

  /** Takes the partition over: whoever claimed it before cannot move it any more. */
  claim(topic: Topic, partition: Partition): ClaimedPointer {
    this.#claim.run(topic, partition);
    const row = this.#rowOf(topic, partition);
    return { offset: row?.offset, epoch: row?.epoch };
  }

  /**
   * Moves it if it stands at `after`, or has been moved to `offset` already, and nobody has claimed
   * it since `epoch`. A first move that somebody else has made as well takes the partition over.
   *
   * @param epoch what this process claimed; `undefined` = there was no row
   * @returns the epoch from now on
   * @throws {FencedError} it stands elsewhere, or was claimed
   */
  move(move: OffsetMove, epoch: number | undefined, nowMs: number): number {
    const { topic, partition, offset, after } = move;
    const row = this.#rowOf(topic, partition);
    const stored = row?.offset;
    if (epoch === undefined) {
      if (stored === undefined && after === undefined) {
        this.#insert.run(topic, partition, offset, nowMs, nowMs);
        return 1;
      }
      const claimed = stored === offset ? this.claim(topic, partition).epoch : undefined;
      if (claimed === undefined) throw fencedMove(move, stored);
      return claimed;
    }
    if (row?.epoch !== epoch) throw fencedMove(move, stored);
    if (stored === offset) return epoch;
    if (stored !== after) throw fencedMove(move, stored);
    this.#update.run(offset, nowMs, topic, partition);
    return epoch;
  }
}

/** The error of a move that somebody else has overtaken. */
export function fencedMove(move: OffsetMove, stored?: number): FencedError {
  const { topic, partition, offset, after } = move;
  return new FencedError(
    `the replicated offset of ${topic}:${partition} was to move from ${after ?? 'none'} to ${offset}, ` +
      `but stands at ${stored ?? 'none'} or was claimed since: another process replicates the partition`,
  );
}
