import type { Key } from '../../../model/key.ts';
import type { Offset, Partition, Topic } from '../../../model/position.ts';
import type { WakeUpChange, WakeUpEntry, WakeUpPlace } from '../../../model/wake-up.ts';
import type { KnownWakeUps } from '../../../ports/replicated-journal.ts';
import type { DueRange } from '../../../ports/wake-ups.ts';
import { offsetIn, wakeUpOf } from '../../relational/journal-cells.ts';
import { type NulText, nulText, textOfNul } from '../nul-text.ts';
import { allRows, type Database, type Statement } from '../session.ts';

interface DueRow {
  readonly id: NulText;
  readonly due: number;
  readonly reason: string;
  readonly offset: number;
}

/** Rows in one page: the event loop stands still while it is read. */
export const dueInPage = 500;

/** Statements of `wake_ups` and `wake_ups_until`; writes belong into a transaction. */
export class WakeUpTable {
  readonly #until: Statement<{ offset: number }>;
  readonly #saveUntil: Statement;
  readonly #due: Statement<DueRow>;
  readonly #offset: Statement<{ offset: number }>;
  readonly #save: Statement;
  readonly #remove: Statement;
  readonly #clear: Statement;
  readonly #clearUntil: Statement;

  constructor(database: Database) {
    this.#until = database.prepare(
      'SELECT "offset" FROM wake_ups_until WHERE topic = ? AND partition = ?',
    );
    this.#saveUntil = database.prepare(
      `INSERT INTO wake_ups_until (topic, partition, "offset") VALUES (?, ?, ?)
       ON CONFLICT (topic, partition) DO UPDATE SET "offset" = max("offset", excluded."offset")`,
    );
    this.#due = database.prepare(
      `SELECT ${nulText('id')}, due, reason, "offset" FROM wake_ups
       WHERE topic = ? AND partition = ? AND due <= ? AND (due, id) > (?, ?)
       ORDER BY due, wake_ups.id LIMIT ${dueInPage}`,
    );
    this.#offset = database.prepare(
      'SELECT "offset" FROM wake_ups WHERE topic = ? AND partition = ? AND id = ?',
    );
    this.#save = database.prepare(
      `INSERT INTO wake_ups (topic, partition, id, due, reason, "offset") VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (topic, partition, id)
       DO UPDATE SET due = excluded.due, reason = excluded.reason, "offset" = excluded."offset"`,
    );
    this.#remove = database.prepare(
      'DELETE FROM wake_ups WHERE topic = ? AND partition = ? AND id = ?',
    );
    this.#clear = database.prepare(
      'DELETE FROM wake_ups WHERE topic = ? AND partition = ? AND id IS NOT ?',
    );
    this.#clearUntil = database.prepare(
      'DELETE FROM wake_ups_until WHERE topic = ? AND partition = ?',
    );
  }

  /**
   * How far the wake-ups of a partition are complete.
   *
   * @throws {CodecError} naming topic, partition, table and column
   */
  upTo(topic: Topic, partition: Partition): Offset | undefined {
    const [row] = allRows(this.#until, topic, partition);
    return row && offsetIn('wake_ups_until', { topic, partition }, row.offset);
  }

  /**
   * One page of those that come after another one; the last page has fewer than {@link dueInPage}.
   *
   * @throws {CodecError} naming topic, id, table and column
   */
  due(
    { topic, partition, toMs }: DueRange,
    after: Pick<WakeUpEntry, 'dueMs' | 'id'>,
  ): WakeUpEntry[] {
    const rows = allRows(this.#due, topic, partition, toMs, after.dueMs, after.id);
    return rows.map((row) => wakeUpOf({ topic, id: textOfNul(row.id) }, row));
  }

  /**
   * Where the wake-up of a journal comes from.
   *
   * @throws {CodecError} naming topic, partition, table and column
   */
  offset({ topic, id }: Key, partition: Partition): Offset | undefined {
    const [row] = allRows(this.#offset, topic, partition, id);
    return row && offsetIn('wake_ups', { topic, partition }, row.offset);
  }

  /** Stores what becomes of the wake-up of a journal. */
  change({ topic, id }: Key, partition: Partition, change: WakeUpChange): void {
    if (change.type === 'remove') {
      this.#remove.run(topic, partition, id);
      return;
    }
    const { dueMs, reason, offset } = change.wakeUp;
    this.#save.run(topic, partition, id, dueMs, reason, offset);
  }

  save({ topic, partition, upTo }: Omit<KnownWakeUps, 'isFirst'>): void {
    this.#saveUntil.run(topic, partition, upTo);
  }

  /** All of an earlier topic: all but that of the journal that the first record has changed. */
  clear({ topic, partition }: WakeUpPlace, changed: string | undefined): void {
    this.#clear.run(topic, partition, changed ?? null);
    this.#clearUntil.run(topic, partition);
  }
}
