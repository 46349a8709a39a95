import { ExpireAfter } from '../../model/expire-after.ts';
import type { Expiry, JournalPointer } from '../../model/journal-pointer.ts';
import type { Key } from '../../model/key.ts';
import { SegmentNr } from './segment.ts';
import type { CassandraSession, Params } from './session-types.ts';
import {
  type CreatedCells,
  expiryParams,
  insertParams,
  type MetaJournalStatements,
  type NewRow,
  newCells,
  type OwnedRow,
  progressParam,
  rowParams,
  seqNrCells,
  updateParams,
} from './tables/metajournal-table.ts';

/** What the row of one journal works with, and what was loaded of it. */
export interface MetaJournalRowDeps {
  readonly session: CassandraSession;
  readonly statements: MetaJournalStatements;
  readonly key: Key;
  /** Metajournal segment where the row is, or will be. */
  readonly segment: SegmentNr;
  readonly row: OwnedRow | undefined;
}

/** When a change is made, and its write timestamp in microseconds. */
export interface WriteTime {
  readonly nowMs: number;
  readonly timestamp: number;
}

/** What a change leaves in the row. */
export interface RowState {
  readonly pointer: JournalPointer;
  /** Events up to here are gone from the table; `undefined` = all up to `deleteTo`. */
  readonly clearedTo: number | undefined;
}

/**
 * The row of one journal, as this process last read or wrote it.
 *
 * The first change of a row that was loaded writes all its columns: a former owner that removes the
 * row too late would otherwise leave the new columns and take the old ones (ADR 29).
 */
export class MetaJournalRow {
  readonly #deps: MetaJournalRowDeps;
  #segment: SegmentNr;
  #state: RowState | undefined;
  #created: CreatedCells | undefined;
  /** The row's last change is ours: every column is as new as our first one. */
  #isOwn = false;

  constructor(deps: MetaJournalRowDeps) {
    this.#deps = deps;
    this.#segment = deps.segment;
    this.#state = deps.row;
    this.#created = deps.row?.created;
  }

  get pointer(): JournalPointer | undefined {
    return this.#state?.pointer;
  }

  /** Events up to here are surely gone. */
  get clearedBelow(): number {
    return this.#state?.clearedTo ?? this.#state?.pointer.deleteTo ?? 0;
  }

  /**
   * Makes the row.
   *
   * @throws {StoreUnavailableError} may be stored; repeat it
   */
  async create(
    { clearedTo, ...row }: NewRow & Pick<RowState, 'clearedTo'>,
    time: WriteTime,
  ): Promise<void> {
    await this.#writeWhole({ pointer: row.pointer, clearedTo }, newCells(row, time.nowMs), time);
  }

  /**
   * Writes what has changed; all of the row, if the columns are not this owner's yet.
   *
   * @throws {StoreUnavailableError} may be stored; repeat it
   */
  async change(next: RowState, time: WriteTime): Promise<void> {
    const before = this.#state;
    if (!this.#isOwn || before === undefined) {
      await this.#writeWhole(next, this.#created, time);
      return;
    }
    const { session, statements, key } = this.#deps;
    const { nowMs, timestamp } = time;
    const { cql, columns } = updateOf(statements, before, next);
    const place = { key, segment: this.#segment };
    const params = updateParams(place, next.pointer.at, nowMs, columns);
    await session.write(cql, params, timestamp);
    this.#state = next;
  }

  /**
   * Makes every column as new as this owner, unless it is: what others send late changes nothing
   * any more.
   *
   * @throws {StoreUnavailableError} may be stored; repeat it
   */
  async rewriteOnce(time: WriteTime): Promise<void> {
    if (this.#state !== undefined && !this.#isOwn)
      await this.#writeWhole(this.#state, this.#created, time);
  }

  /**
   * Removes the row, or what may still arrive of one.
   *
   * @throws {StoreUnavailableError} may be stored; repeat it
   */
  async remove({ timestamp }: WriteTime): Promise<void> {
    const { session, statements, key } = this.#deps;
    await session.write(statements.delete, rowParams(key, this.#segment), timestamp);
    this.#isOwn = false;
    this.#state = undefined;
    this.#created = undefined;
    // The next life begins where new rows go, also that of a row of an old version.
    [this.#segment] = SegmentNr.ofId(key.id);
  }

  async #writeWhole(
    next: RowState,
    created: CreatedCells | undefined,
    { nowMs, timestamp }: WriteTime,
  ): Promise<void> {
    const { session, statements, key } = this.#deps;
    const place = { key, segment: this.#segment };
    const params = insertParams(place, { ...next, created, updatedMs: nowMs });
    await session.write(statements.insert, params, timestamp);
    this.#state = next;
    this.#created = created;
    this.#isOwn = true;
  }
}

interface Update {
  readonly cql: string;
  readonly columns: Params;
}

/** The least that makes of a row `before` the row `next`, whose offset moves. */
function updateOf(statements: MetaJournalStatements, before: RowState, next: RowState): Update {
  const progress = progressParam(next);
  const [seqNr, deleteTo] = seqNrCells(next.pointer);
  const keepsExpiry = sameExpiry(next.pointer.expiry, before.pointer.expiry);
  const expiry = keepsExpiry ? [] : expiryParams(next.pointer.expiry);
  const keepsDeleteTo = next.pointer.deleteTo === before.pointer.deleteTo;
  if (keepsDeleteTo && progress === progressParam(before)) {
    const cql = keepsExpiry ? statements.updateSeqNr : statements.updateExpiry;
    return { cql, columns: [seqNr, ...expiry] };
  }
  if (keepsDeleteTo && keepsExpiry && next.pointer.seqNr === before.pointer.seqNr) {
    return { cql: statements.updateCleared, columns: [progress] };
  }
  const cql = keepsExpiry ? statements.updateDeleted : statements.updateAll;
  return { cql, columns: [seqNr, deleteTo, progress, ...expiry] };
}

/** Same day and same duration, or neither has one. */
function sameExpiry(a: Expiry | undefined, b: Expiry | undefined): boolean {
  return a?.on === b?.on && ExpireAfter.equals(a?.after, b?.after);
}
