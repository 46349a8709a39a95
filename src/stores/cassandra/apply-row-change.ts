import type { RowChange, RowRemoved, RowShortened } from '../../history/row-change.ts';
import type { JournalPointer } from '../../model/journal-pointer.ts';
import type { Key } from '../../model/key.ts';
import { SeqNr } from '../../model/seq-nr.ts';
import type { ChangeTime, JournalRows } from '../key-journal.ts';
import { deleteRows, type EventRows, insertRows } from './event-rows.ts';
import { MetaJournalRow, type WriteTime } from './metajournal-row.ts';
import { checkWalk, SegmentNr } from './segment.ts';
import type { CassandraSession } from './session-types.ts';
import type { OwnedRow } from './tables/metajournal-table.ts';
import type { StoreTables } from './tables/store-tables.ts';
import type { WriteClocks } from './write-clock.ts';

/** What a journal needs of the store around it. */
export interface JournalRowsDeps {
  readonly session: CassandraSession;
  readonly tables: StoreTables;
  readonly clocks: WriteClocks;
  /** Events in one segment of a journal that is created from now on. */
  readonly segmentSize: number;
}

/** Where the journal's row was looked for, and what was found. */
export interface LoadedRow {
  readonly key: Key;
  /** Metajournal segment where the row is, or will be. */
  readonly segment: SegmentNr;
  readonly row: OwnedRow | undefined;
}

/** The next write timestamp of a change. */
type NextTime = () => WriteTime;

/**
 * Segments that a purge clears below what is known to be cleared: the JVM system may have left rows
 * there, since it moves the row's `delete_to` first.
 */
const maxDoubtedSegments = 100_000;

/**
 * The rows of one journal. Each change is a sequence of statements that may stop anywhere and be
 * repeated:
 *
 *   create, extend   event rows → journal row
 *   shorten          journal row (deleteTo, clearedTo, old offset) → event rows
 *                    → journal row (new offset)
 *   remove           journal row (deleteTo = seqNr, clearedTo, old offset) → event rows
 *                    → journal row
 *
 * The offset moves last, so a change that was cut short is made again (docs/format.md#replication).
 * An append whose events a delete of the same poll covers sets `deleteTo` with its offset: from
 * then on the journal is what it will be after the delete, wherever the polls are cut.
 */
export class CassandraJournalRows implements JournalRows {
  readonly #deps: JournalRowsDeps;
  readonly #loaded: LoadedRow;
  readonly #row: MetaJournalRow;

  constructor(deps: JournalRowsDeps, loaded: LoadedRow) {
    const { session, tables } = deps;
    this.#deps = deps;
    this.#loaded = loaded;
    this.#row = new MetaJournalRow({ session, statements: tables.metaJournal, ...loaded });
  }

  get pointer(): JournalPointer | undefined {
    return this.#row.pointer;
  }

  async apply(change: RowChange, { at, nowMs }: ChangeTime): Promise<void> {
    const { key, row } = this.#loaded;
    const clock = this.#deps.clocks.of(key.topic, at.partition);
    // Its last writer's clock may be ahead of ours (ADR 29).
    if (row !== undefined) clock.follow(row.writtenMicros);
    const next: NextTime = () => ({ nowMs, timestamp: clock.next(nowMs) });
    switch (change.type) {
      case 'none':
        // The change is made already, yet the row is written again, once: a former owner may still
        // have a late write under way, and without our newer timestamp that write would win (ADR
        // 29).
        return await this.#row.rewriteOnce(next());
      case 'create': {
        const { pointer, live, origin, doubtfulTo } = change;
        await insertRows(this.#eventRows(pointer, next), live);
        const clearedTo = doubtfulTo === undefined ? undefined : 0;
        return await this.#row.create({ pointer, clearedTo, origin }, next());
      }
      case 'extend': {
        const { pointer, live } = change;
        const cleared = this.#row.clearedBelow;
        const clearedTo = (pointer.deleteTo ?? 0) > cleared ? cleared : undefined;
        await insertRows(this.#eventRows(pointer, next), live);
        return await this.#row.change({ pointer, clearedTo }, next());
      }
      case 'shorten':
        return await this.#shorten(change, next);
      case 'remove':
        return await this.#remove(change, next);
    }
  }

  /** In two phases: readers learn of it, the rows go, and only then it counts as applied. */
  async #shorten({ during, pointer, clearTo }: RowShortened, next: NextTime): Promise<void> {
    const { segmentSize, seqNr } = pointer;
    const cleared = this.#row.clearedBelow;
    if (cleared < clearTo) {
      const first = SegmentNr.of(cleared + 1, segmentSize);
      checkWalk(this.#loaded.key, { to: clearTo, segmentSize }, first);
      await this.#announce(during, next);
      await deleteRows(this.#eventRows(pointer, next), {
        first,
        last: SegmentNr.of(clearTo, segmentSize),
        upTo: clearTo < seqNr ? clearTo : undefined,
      });
    }
    await this.#row.change({ pointer, clearedTo: undefined }, next());
  }

  async #remove({ during, doubtfulTo }: RowRemoved, next: NextTime): Promise<void> {
    if (during === undefined) {
      // An append that was cut short may have left rows. The row that it was about to write may
      // still arrive, from the cut attempt or a former owner: it must not find its events gone and
      // itself alive.
      await this.#row.remove(next());
      if (doubtfulTo === undefined) return;
      const { segmentSize } = this.#deps;
      const last = topSegment(doubtfulTo, segmentSize);
      const rows = this.#eventRows({ segmentSize, recordId: undefined }, next);
      await deleteRows(rows, {
        first: Math.max(0, last - maxDoubtedSegments),
        last,
        upTo: undefined,
      });
      return;
    }
    // The row stays until the last event is gone, and with it the range that is left.
    const { segmentSize, seqNr: highest } = during;
    const known = SegmentNr.of(this.#row.clearedBelow + 1, segmentSize);
    if (highest !== SeqNr.max) checkWalk(this.#loaded.key, { to: highest, segmentSize }, known);
    await this.#announce(during, next);
    const top = topSegment(SeqNr.greaterOf(highest, doubtfulTo), segmentSize);
    await deleteRows(this.#eventRows(during, next), {
      first: Math.max(0, Math.min(known, top - maxDoubtedSegments)),
      // One more than the row knows, for an append of the JVM system that was cut short.
      last: top + 1,
      upTo: undefined,
    });
    await this.#row.remove(next());
  }

  /**
   * Shows readers what is about to be deleted, and a repetition how much of it may be left. The
   * offset stays, so that the change is made again.
   */
  async #announce(during: JournalPointer, next: NextTime): Promise<void> {
    const { pointer, clearedBelow: clearedTo } = this.#row;
    if (during.seqNr === pointer?.seqNr && during.deleteTo === pointer.deleteTo) return;
    await this.#row.change({ pointer: during, clearedTo }, next());
  }

  #eventRows(
    { segmentSize, recordId }: Pick<JournalPointer, 'segmentSize' | 'recordId'>,
    next: NextTime,
  ): EventRows {
    const { session, tables } = this.#deps;
    const { key } = this.#loaded;
    const { timestamp } = next();
    return { session, statements: tables.journal, key, segmentSize, recordId, timestamp };
  }
}

/**
 * An older version's delete of nothing made the journal: its number does not show where events are.
 */
function topSegment(last: SeqNr, segmentSize: number): number {
  return last === SeqNr.max ? 0 : SegmentNr.of(last, segmentSize);
}
