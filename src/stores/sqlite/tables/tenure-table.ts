import type { Offset, Partition, Topic } from '../../../model/position.ts';
import type { LastTenure, TenurePlace } from '../../../model/tenure.ts';
import { type KnownTenures, keptTenureMs } from '../../../ports/replicated-journal.ts';
import { oldTenuresLookedAt } from '../../kept-tenures.ts';
import { offsetIn } from '../../relational/journal-cells.ts';
import { allRows, type Database, type Statement } from '../session.ts';

/** Statements of `tenures` and `tenures_until`; writes belong into a transaction. */
export class TenureTable {
  readonly #until: Statement<{ offset: number }>;
  readonly #saveUntil: Statement;
  readonly #last: Statement<{ offset: number }>;
  readonly #insert: Statement;
  readonly #removeSuperseded: Statement;
  readonly #clear: readonly Statement[];

  constructor(database: Database) {
    this.#until = database.prepare(
      'SELECT "offset" FROM tenures_until WHERE topic = ? AND partition = ?',
    );
    this.#saveUntil = database.prepare(
      `INSERT INTO tenures_until (topic, partition, "offset") VALUES (?, ?, ?)
       ON CONFLICT (topic, partition) DO UPDATE SET "offset" = max("offset", excluded."offset")`,
    );
    this.#last = database.prepare(
      `SELECT "offset" FROM tenures
       WHERE topic = ? AND partition = ? AND scope = ? AND "offset" <= ?
       ORDER BY "offset" DESC LIMIT 1`,
    );
    this.#insert = database.prepare(
      `INSERT INTO tenures (topic, partition, scope, "offset", holder, address, created)
       VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (topic, partition, scope, "offset")
       DO UPDATE SET holder = excluded.holder, address = excluded.address, created = excluded.created`,
    );
    this.#removeSuperseded = database.prepare(
      `DELETE FROM tenures WHERE topic = ? AND partition = ? AND scope = ? AND "offset" < (
         SELECT max("offset") FROM (
           SELECT "offset", created FROM tenures
           WHERE topic = ? AND partition = ? AND scope = ?
           ORDER BY "offset" LIMIT ${oldTenuresLookedAt}
         ) WHERE created <= ?
       )`,
    );
    this.#clear = ['tenures', 'tenures_until'].map((table) =>
      database.prepare(`DELETE FROM ${table} WHERE topic = ? AND partition = ?`),
    );
  }

  /**
   * How far the opening marks of a partition are known.
   *
   * @throws {CodecError} naming topic, partition, table and column
   */
  upTo(topic: Topic, partition: Partition): Offset | undefined {
    const [row] = allRows(this.#until, topic, partition);
    return row && offsetIn('tenures_until', { topic, partition }, row.offset);
  }

  /**
   * @throws {CodecError} naming topic, partition, table and column
   */
  last(place: TenurePlace, upTo: Offset): LastTenure {
    const { topic, partition, scope } = place;
    const known = this.upTo(topic, partition);
    if (known === undefined || known < upTo) return 'unknown';
    const [row] = allRows(this.#last, topic, partition, scope, upTo);
    return row && offsetIn('tenures', place, row.offset);
  }

  save({ topic, partition, openings, upTo, isFirst }: KnownTenures, nowMs: number): void {
    if (isFirst) for (const clear of this.#clear) clear.run(topic, partition);
    for (const { scope, offset, holder, address = null } of openings) {
      this.#insert.run(topic, partition, scope, offset, holder, address, nowMs);
    }
    for (const scope of new Set(openings.map((opening) => opening.scope))) {
      const place = [topic, partition, scope];
      this.#removeSuperseded.run(...place, ...place, nowMs - keptTenureMs);
    }
    this.#saveUntil.run(topic, partition, upTo);
  }
}
