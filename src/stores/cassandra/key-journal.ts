import { recordIdOf } from '../../codec/record/record-id.ts';
import { LastNumbers } from '../../model/appended-range.ts';
import type { ReplicatedEvent } from '../../model/event.ts';
import type { JournalPointer } from '../../model/journal-pointer.ts';
import type { Key } from '../../model/key.ts';
import type { Offset, PartitionOffset } from '../../model/position.ts';
import { SeqNr } from '../../model/seq-nr.ts';
import type {
  ReplicatedAppend,
  ReplicatedDelete,
  ReplicatedKeyJournal,
  ReplicatedPurge,
} from '../../ports/replicated-journal.ts';
import { deleteRows, type EventRows, insertRows } from './event-rows.ts';
import { expiryOf } from './expiry.ts';
import { MetaJournalRow, type WriteTime } from './metajournal-row.ts';
import { checkWalk, SegmentNr } from './segment.ts';
import type { CassandraSession } from './session-types.ts';
import { highest, type OwnedRow } from './tables/metajournal-table.ts';
import type { StoreTables } from './tables/store-tables.ts';
import type { WriteClock, WriteClocks } from './write-clock.ts';

export interface KeyJournalState {
  readonly session: CassandraSession;
  readonly tables: StoreTables;
  readonly clocks: WriteClocks;
  /** Of the journal, should it be created now. */
  readonly segmentSize: number;
  readonly key: Key;
  /** Metajournal segment where the row lies, or will. */
  readonly segment: SegmentNr;
  readonly row: OwnedRow | undefined;
}

/** What one call writes: for which record, when, and with which write timestamps. */
interface Unit {
  readonly at: PartitionOffset;
  readonly nowMs: number;
  readonly clock: WriteClock;
}

/**
 * Segments that a purge clears below what is known to be cleared: the JVM system may have left rows
 * there (V8).
 */
const maxDoubtedSegments = 100_000;

/**
 * One journal's rows. Each action is a sequence of statements that may stop anywhere and be
 * repeated:
 *
 *   append   event rows → journal row
 *   delete   journal row: deleteTo, clearedTo, old offset → event rows → journal row: new offset
 *   purge    journal row: deleteTo = seqNr, clearedTo, old offset → event rows → journal row
 *
 * The offset moves last, so an action that was cut short is applied again (docs/format.md#replication). An
 * append whose events a delete of the same poll covers sets `deleteTo` with its offset: from then on the
 * journal is what it will be behind the delete, wherever the polls are cut.
 */
export class CassandraKeyJournal implements ReplicatedKeyJournal {
  private readonly state: KeyJournalState;
  private readonly row: MetaJournalRow;
  /** Nothing at or below it may create the journal again. */
  private purgedAt: Offset | undefined;

  constructor(state: KeyJournalState) {
    const { session, tables, key, segment, row } = state;
    this.state = state;
    this.row = new MetaJournalRow({ session, statements: tables.metaJournal, key, segment, row });
  }

  get pointer(): JournalPointer | undefined {
    return this.row.pointer;
  }

  async append(batch: ReplicatedAppend, nowMs: number): Promise<boolean> {
    const { pointer } = this;
    const unit = this.unit(batch.at, nowMs);
    if (this.isApplied(batch.at)) return await this.own(unit);
    if (pointer === undefined) await this.create(batch, unit);
    else await this.extend(pointer, batch, unit);
    return true;
  }

  async delete(batch: ReplicatedDelete, nowMs: number): Promise<boolean> {
    const { pointer } = this;
    const unit = this.unit(batch.at, nowMs);
    if (this.isApplied(batch.at)) return await this.own(unit);
    // Of nothing: void.
    if (pointer === undefined) return false;
    await this.shorten(pointer, batch, unit);
    return true;
  }

  async purge({ at, onlyAt, upTo }: ReplicatedPurge, nowMs: number): Promise<boolean> {
    const { pointer } = this;
    const unit = this.unit(at, nowMs);
    if (pointer !== undefined && at.offset < pointer.at.offset) return await this.own(unit);
    if (onlyAt !== undefined && !isAt(pointer, { ...at, offset: onlyAt }))
      return await this.own(unit);
    if (pointer !== undefined) await this.remove(pointer, upTo, unit);
    else await this.removeOrphans(upTo, unit);
    this.purgedAt = at.offset;
    return pointer !== undefined;
  }

  private isApplied({ offset }: PartitionOffset): boolean {
    const applied = this.pointer?.at.offset ?? this.purgedAt;
    return applied !== undefined && offset <= applied;
  }

  private unit(at: PartitionOffset, nowMs: number): Unit {
    const { clocks, key, row } = this.state;
    const clock = clocks.of(key.topic, at.partition);
    // Its last writer's clock may be ahead of ours (ADR 29).
    if (row !== undefined) clock.follow(row.writtenMicros);
    return { at, nowMs, clock };
  }

  /**
   * Nothing is left to do. The row is written again all the same, once: the owner before this one may not have
   * done it either, and what it still sends would count, being newer than what was found (ADR 29).
   */
  private async own(unit: Unit): Promise<false> {
    await this.row.own(timeOf(unit));
    return false;
  }

  private async create(batch: ReplicatedAppend, unit: Unit): Promise<void> {
    const { segmentSize, key } = this.state;
    const { at, events, ranges, expireAfter } = batch;
    const [{ record }] = events;
    const [first] = ranges;
    const numbers = new LastNumbers(0, ranges);
    const seqNr = numbers.last;
    const begun = SeqNr.prev(first.from);
    const pointer: JournalPointer = {
      at,
      segmentSize,
      seqNr,
      deleteTo: reached(batch.deleteTo, { seqNr, deleteTo: begun }),
      expiry: expiryOf(expireAfter, unit.nowMs),
      // The same whenever it is repeated.
      recordId: recordIdOf(key.topic, first.at),
    };
    const live = liveOf(events, { batch, numbers, pointer });
    await insertRows(this.eventRows(pointer, unit), live);
    // An attempt that was cut short may have left rows of what its delete covers.
    const clearedTo = batch.deleteTo === undefined ? undefined : 0;
    await this.row.create({ pointer, clearedTo, origin: record.origin }, timeOf(unit));
  }

  private async extend(head: JournalPointer, batch: ReplicatedAppend, unit: Unit): Promise<void> {
    const { at, expireAfter } = batch;
    // Records of a merged batch that a poll cut differently had applied before.
    const isFresh = (place: PartitionOffset): boolean => place.offset > head.at.offset;
    const events = batch.events.filter(({ record }) => isFresh(record.at));
    const numbers = new LastNumbers(
      head.seqNr,
      batch.ranges.filter((range) => isFresh(range.at)),
    );
    const seqNr = numbers.last;
    const deleteTo = reached(batch.deleteTo, { seqNr, deleteTo: head.deleteTo });
    const pointer = { ...head, at, seqNr, deleteTo, expiry: expiryOf(expireAfter, unit.nowMs) };
    const isPending = (deleteTo ?? 0) > this.row.clearedBelow;
    const clearedTo = isPending ? this.row.clearedBelow : undefined;
    const live = liveOf(events, { batch, numbers, pointer });
    await insertRows(this.eventRows(head, unit), live);
    await this.row.change({ pointer, clearedTo }, timeOf(unit));
  }

  /** In two phases: readers learn of it, the rows go, and only then it counts as applied. */
  private async shorten(
    head: JournalPointer,
    { at, to }: ReplicatedDelete,
    unit: Unit,
  ): Promise<void> {
    const seqNr = highest(head.seqNr, head.deleteTo);
    // Never lower than before: events that are gone do not come back (V4).
    const deleteTo = highest(SeqNr.lesserOf(to, seqNr), head.deleteTo);
    const cleared = this.row.clearedBelow;
    if (cleared < deleteTo) {
      const first = SegmentNr.of(cleared + 1, head.segmentSize);
      checkWalk(this.state.key, { to: deleteTo, segmentSize: head.segmentSize }, first);
      await this.align(head, { seqNr, deleteTo }, unit);
      await deleteRows(this.eventRows(head, unit), {
        first,
        last: SegmentNr.of(deleteTo, head.segmentSize),
        upTo: deleteTo < seqNr ? deleteTo : undefined,
      });
    }
    const pointer = { ...head, at, seqNr, deleteTo };
    await this.row.change({ pointer, clearedTo: undefined }, timeOf(unit));
  }

  /** The row stays until the last event is gone, and with it the range that is left. */
  private async remove(head: JournalPointer, upTo: SeqNr | undefined, unit: Unit): Promise<void> {
    const last = highest(head.seqNr, head.deleteTo);
    const known = SegmentNr.of(this.row.clearedBelow + 1, head.segmentSize);
    if (last !== SeqNr.max) checkWalk(this.state.key, { ...head, to: last }, known);
    await this.align({ ...head, purgingAt: unit.at.offset }, { seqNr: last, deleteTo: last }, unit);
    const top = topSegment(highest(last, upTo), head.segmentSize);
    await deleteRows(this.eventRows(head, unit), {
      first: Math.max(0, Math.min(known, top - maxDoubtedSegments)),
      // One more than the row knows, for an append of the JVM system that was cut short.
      last: top + 1,
      upTo: undefined,
    });
    await this.row.remove(timeOf(unit));
  }

  /**
   * Rows of an append that was cut short before it made the journal's row (V7). That row may still
   * arrive, from the cut attempt or a former owner: it must not find its events gone and itself alive.
   */
  private async removeOrphans(upTo: SeqNr | undefined, unit: Unit): Promise<void> {
    const { segmentSize } = this.state;
    await this.row.remove(timeOf(unit));
    if (upTo === undefined) return;
    const last = topSegment(upTo, segmentSize);
    const first = Math.max(0, last - maxDoubtedSegments);
    const rows = this.eventRows({ segmentSize, recordId: undefined }, unit);
    await deleteRows(rows, { first, last, upTo: undefined });
  }

  /**
   * Shows readers what is about to be deleted, and a repetition how much of it may be left. The
   * offset stays, so that the action is repeated.
   */
  private async align(
    head: JournalPointer,
    { seqNr, deleteTo }: { readonly seqNr: SeqNr; readonly deleteTo: SeqNr },
    unit: Unit,
  ): Promise<void> {
    if (seqNr === head.seqNr && deleteTo === head.deleteTo) return;
    const pointer = { ...head, seqNr, deleteTo };
    await this.row.change({ pointer, clearedTo: this.row.clearedBelow }, timeOf(unit));
  }

  private eventRows(
    { segmentSize, recordId }: Pick<JournalPointer, 'segmentSize' | 'recordId'>,
    { clock, nowMs }: Unit,
  ): EventRows {
    const { session, tables, key } = this.state;
    const timestamp = clock.next(nowMs);
    return { session, statements: tables.journal, key, segmentSize, recordId, timestamp };
  }
}

/** The next write timestamp of a unit. */
function timeOf({ clock, nowMs }: Unit): WriteTime {
  return { nowMs, timestamp: clock.next(nowMs) };
}

/** How far the journal is deleted when a delete up to `to` counts with an append. */
function reached(
  to: SeqNr | undefined,
  { seqNr, deleteTo }: { readonly seqNr: SeqNr; readonly deleteTo: SeqNr | undefined },
): SeqNr | undefined {
  return to === undefined ? deleteTo : highest(SeqNr.lesserOf(to, seqNr), deleteTo);
}

/** Events that no delete of the batch covers; of a record that loses, those that lie below the last number. */
function liveOf(
  events: readonly ReplicatedEvent[],
  { batch, numbers, pointer }: Applied,
): readonly ReplicatedEvent[] {
  const gone = batch.deleteTo === undefined ? 0 : (pointer.deleteTo ?? 0);
  return events.filter(
    ({ event, record }) => event.seqNr > gone && numbers.keeps(event.seqNr, record.at.offset),
  );
}

interface Applied {
  readonly batch: ReplicatedAppend;
  readonly numbers: LastNumbers;
  /** As the batch leaves it. */
  readonly pointer: JournalPointer;
}

function isAt(
  pointer: JournalPointer | undefined,
  { partition, offset }: PartitionOffset,
): boolean {
  return pointer?.at.partition === partition && pointer.at.offset === offset;
}

/** An older version's delete of nothing made the journal: it says nothing of where events lie. */
function topSegment(last: SeqNr, segmentSize: number): number {
  return last === SeqNr.max ? 0 : SegmentNr.of(last, segmentSize);
}
